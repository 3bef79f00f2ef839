import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Client } from '../client.js'
import type { Message } from '../core/message.js'
import { createNodeClient } from '../node/create-node-client.js'
import { startTestServer, type TestServer } from '../testing/page/test-server.js'
import { createLocalWallet } from '../wallets/index.js'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const DIRECT = 1_400
const IN_GROUP = 600

/** Runs a process of the new device until it ends; `line` is told what it says. */
async function taker(url: string, profile: string, dieBehind: number, line: (text: string) => void): Promise<NodeJS.Signals | null> {
  const script = fileURLToPath(new URL('./testing/mortal-taker.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, url, profile, String(dieBehind)], {
    // The paths of that file let the child run on sources too, without a build.
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TSX_TSCONFIG_PATH: fileURLToPath(new URL('../../../../tsconfig.lint.json', import.meta.url)) },
  })
  createInterface({ input: child.stdout }).on('line', line)
  const [, signal] = await once(child, 'exit') as [number | null, NodeJS.Signals | null]
  return signal
}

describe('history on a new device, on a real server with its store of files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-history-'))
  let server: TestServer
  let phone: Client
  let bob: Client
  const wallet = createLocalWallet('solana', new Uint8Array(32).fill(61))
  const open = (profile: string, name: typeof wallet): Promise<Client> => createNodeClient({ url: server.url, profile: join(folder, profile), wallet: name, requests: 'accept-all' })

  /** What a person sees of all conversations. */
  async function shown(client: Client): Promise<readonly unknown[]> {
    const rows: Message[] = []
    for await (const message of (await client.conversation(bob.account)).messages({ live: false })) rows.push(message)
    for (const group of await client.groups()) for await (const message of group.messages({ live: false })) rows.push(message)
    return rows.map(({ messageId, conversation, from, text, order, sentAtMs, direction, reactions, editedAtMs, deleted, replyTo }) => ({ messageId, conversation, from, text, order, sentAtMs, direction, reactions, editedAtMs, deleted, replyTo }))
  }

  beforeAll(async () => {
    server = await startTestServer()
    phone = await open('phone', wallet)
    bob = await open('bob', createLocalWallet('terra', new Uint8Array(32).fill(62)))
    const talk = await phone.conversation(bob.account)
    const group = await phone.createGroup('gate', [bob.account])
    const acks: Promise<unknown>[] = []
    for (let number = 0; number < DIRECT; number++) acks.push((await talk.send(`direct ${String(number)}`)).acked)
    for (let number = 0; number < IN_GROUP; number++) acks.push((await group.send(`in the group ${String(number)}`)).acked)
    await Promise.all(acks)
    const [first, second] = await talk.history(2)
    await (await talk.edit(first?.messageId ?? '', 'said otherwise')).acked
    await (await talk.deleteForEveryone(second?.messageId ?? '')).acked
  })

  afterAll(async () => {
    await phone.close()
    await bob.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is the same list of 2,000 messages though the new device is killed in the middle of merging', async () => {
    const expected = await shown(phone)
    expect(expected.length).toBe(DIRECT + IN_GROUP)
    const laptop = await open('laptop', wallet)
    const { device } = laptop
    await laptop.close()
    phone.on('history-request', (request) => { void phone.history.approve(request.device) })
    const lines: string[] = []
    expect(await taker(server.url, join(folder, 'laptop'), 700, (line) => { lines.push(line) })).toBe('SIGKILL')
    const before = lines.filter((line) => line.startsWith('importing')).map((line) => Number(line.split(' ')[1]))
    expect(before.at(-1)).toBeGreaterThanOrEqual(700)
    expect(before.at(-1)).toBeLessThan(DIRECT + IN_GROUP)
    lines.length = 0
    expect(await taker(server.url, join(folder, 'laptop'), 0, (line) => { lines.push(line) })).toBe(null)
    expect(lines.at(-1)).toBe('done')
    // It went on where it was.
    expect(Number(lines.find((line) => line.startsWith('importing'))?.split(' ')[1])).toBeGreaterThan(before.at(-1) ?? 0)
    const again = await createNodeClient({ url: server.url, profile: join(folder, 'laptop'), requests: 'accept-all' })
    await again.whenSynced()
    expect(await shown(again)).toEqual(expected)
    expect(await again.history.status()).toMatchObject({ state: 'done', from: phone.device, messages: DIRECT + IN_GROUP })
    await vi.waitFor(async () => { expect(await phone.history.requests()).toEqual([]) }, 60_000)
    expect(again.device).toBe(device)
    // What is new comes to both, behind it, and once.
    const told: string[] = []
    again.on('message', ({ text }) => { told.push(text) })
    await (await (await bob.conversation(phone.account)).send('and now this')).acked
    await vi.waitFor(() => { expect(told).toEqual(['and now this']) }, 30_000)
    await again.close()
  })
})
