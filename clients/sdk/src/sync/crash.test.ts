import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from './testing/fake-server.js'
import { MortalStore, type Death } from './testing/mortal-store.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'

const MESSAGES = 4
const FOREVER_MS = 120_000

interface Run {
  readonly acked: ReadonlySet<string>
  readonly sender: readonly string[]
  readonly receiver: readonly string[]
  /** Commits that the process which dies made before. */
  readonly commits: number
  readonly died: boolean
}

/** Sends texts that the sender's history lacks, as a program does after a restart; returns what was acknowledged. */
async function sendAll(sender: TestClient, peer: string, acked: Set<string>): Promise<void> {
  const conversation = await sender.client.conversation(peer)
  const there = new Set((await conversation.history(1_000)).map(({ text }) => text))
  for (let number = 1; number <= MESSAGES; number++) {
    const text = `m${String(number)}`
    if (there.has(text)) continue
    const sent = await conversation.send(text)
    sent.acked.then(() => acked.add(text), () => undefined)
    await rest()
  }
}

/** Sender or receiver dies once while messages go from one to the other; both ends are looked at after everything came to rest. */
async function run(who: 'sender' | 'receiver', death: Death | undefined): Promise<Run> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const disks = { sender: new MemoryStore(), receiver: new MemoryStore() }
  const wallets = { sender: testWallet('sender'), receiver: testWallet('receiver', 'terra') }
  const open = (name: 'sender' | 'receiver', store: MortalStore): Promise<TestClient> => openTestClient(server, store, wallets[name])
  // Both have signed in before; only the life of the messages is under test here.
  for (const name of ['sender', 'receiver'] as const) await (await open(name, new MortalStore(disks[name]))).client.close()
  const stores = {
    sender: new MortalStore(disks.sender, who === 'sender' ? death : undefined),
    receiver: new MortalStore(disks.receiver, who === 'receiver' ? death : undefined),
  }
  const acked = new Set<string>()
  let receiver = await open('receiver', stores.receiver).catch(() => undefined)
  let sender = await open('sender', stores.sender).catch(() => undefined)
  if (sender !== undefined) await sendAll(sender, wallets.receiver.address, acked).catch(() => undefined)
  await clock.advance(1_000)
  const died = stores.sender.dead || stores.receiver.dead
  const commits = stores[who].commits
  if (stores.sender.dead || sender === undefined) {
    sender?.link.down()
    sender = await open('sender', new MortalStore(disks.sender))
    await sendAll(sender, wallets.receiver.address, acked)
  }
  if (stores.receiver.dead || receiver === undefined) {
    receiver?.link.down()
    receiver = await open('receiver', new MortalStore(disks.receiver))
  }
  sender.link.up()
  receiver.link.up()
  await clock.advance(FOREVER_MS)
  const texts = async (test: TestClient, peer: string): Promise<string[]> => {
    const conversation = await test.client.conversation(peer)
    return (await conversation.history(1_000)).map(({ text }) => text)
  }
  const result: Run = {
    acked, sender: await texts(sender, wallets.receiver.address), receiver: await texts(receiver, wallets.sender.address), commits, died,
  }
  await sender.client.close()
  await receiver.client.close()
  return result
}

describe.each(['sender', 'receiver'] as const)('a %s killed at any commit', (who) => {
  it('loses nothing, doubles nothing, and keeps the order', async () => {
    const expected = Array.from({ length: MESSAGES }, (_, index) => `m${String(index + 1)}`)
    const whole = await run(who, undefined)
    expect(whole.receiver).toEqual(expected)
    expect(whole.commits).toBeGreaterThan(MESSAGES)
    let deaths = 0
    for (let atCommit = 1; atCommit <= whole.commits; atCommit++) {
      for (const durable of [false, true]) {
        const result = await run(who, { atCommit, durable })
        if (result.died) deaths += 1
        expect({ atCommit, durable, receiver: result.receiver, sender: result.sender }).toEqual({ atCommit, durable, receiver: expected, sender: expected })
        for (const text of result.acked) expect(result.receiver).toContain(text)
      }
    }
    expect(deaths).toBeGreaterThan(MESSAGES)
  }, 120_000)
})
