import { describe, expect, it, vi } from 'vitest'
import { concatBytes, directConversationIdOf, EvegramError, hexOf, type DeviceId } from '@evegram/protocol'
import type { Message } from '../core/message.js'
import { FakeBlobs } from '../backup/testing/fake-blobs.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { openTestClient, testWallet, type TestClient } from '../sync/testing/test-client.js'
import { rest, VirtualClock } from '../sync/testing/virtual-clock.js'
import { HISTORY_LIMITS } from './history-parts.js'

// Hundreds of messages through real cryptography, on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 180_000 })

interface Scene {
  readonly clock: VirtualClock
  readonly server: FakeServer
  readonly blobs: FakeBlobs
  readonly phone: TestClient
  readonly bob: TestClient
  readonly another: (store?: MemoryStore) => Promise<TestClient>
}

async function scene(): Promise<Scene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const blobs = new FakeBlobs()
  const open = (name: string, store = new MemoryStore()): Promise<TestClient> => openTestClient(server, store, testWallet(name), undefined, undefined, undefined, blobs)
  return { clock, server, blobs, phone: await open('alice'), bob: await open('bob'), another: (store) => open('alice', store) }
}

async function say(from: TestClient, to: TestClient, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await (await (await from.client.conversation(to.client.account)).send(text)).acked
  await rest()
}

async function rowsOf(test: TestClient, peer: TestClient): Promise<readonly unknown[]> {
  const shown = await (await test.client.conversation(peer.client.account)).history(10_000)
  return shown.map(({ messageId, text, direction, sentAtMs, order, deleted, reactions }: Message) => ({ messageId, text, direction, sentAtMs, order, deleted, reactions }))
}

const changesOf = (test: TestClient): string[] => test.log.filter(({ name }) => name === 'history-changed').map(({ event }) => {
  const { role, state } = event as { readonly role: string; readonly state: string }
  return `${role} ${state}`
})

/** The new device asks; the person says yes on the old one and then on the new one. */
async function share(from: TestClient, to: TestClient): Promise<void> {
  await to.client.history.request()
  await rest()
  await from.client.history.approve(to.client.device)
  await rest()
  await to.client.history.confirm(from.client.device)
  await rest()
}

describe('history on a new device', () => {
  it('comes from another own device after the person compared the digits and said yes on both', async () => {
    const { phone, bob, blobs, another } = await scene()
    await say(phone, bob, 'one', 'two')
    await say(bob, phone, 'three')
    const talk = await bob.client.conversation(phone.client.account)
    const [first, second] = await talk.history()
    await talk.react(first?.messageId ?? '', '👍')
    await (await phone.client.conversation(bob.client.account)).deleteForEveryone(second?.messageId ?? '')
    await rest()
    const laptop = await another()
    const asked = await laptop.client.history.request()
    expect(asked).toMatchObject({ state: 'asked', told: false, devices: 1, declinedBy: [] })
    await rest()
    expect(await laptop.client.history.status()).toMatchObject({ state: 'asked', told: true })
    const requests = await phone.client.history.requests()
    const [shown] = asked.codes
    expect(requests).toEqual([expect.objectContaining({ device: laptop.client.device, code: shown?.code, state: 'waiting' })])
    expect([shown?.device, asked.codes.length]).toEqual([phone.client.device, 1])
    expect(shown?.code).toMatch(/^[0-9]{30}$/)
    expect(phone.log.filter(({ name }) => name === 'history-request').map(({ event }) => event)).toEqual(requests)
    // Nothing leaves before that.
    expect([blobs.held.size, await rowsOf(laptop, bob)]).toEqual([0, []])
    await phone.client.history.approve(laptop.client.device)
    await rest()
    // Nothing is taken before the person says yes here, too.
    expect(await laptop.client.history.status()).toMatchObject({ state: 'offered', offers: [{ device: phone.client.device, code: shown?.code, messages: 3 }] })
    expect(await rowsOf(laptop, bob)).toEqual([])
    await laptop.client.history.confirm(phone.client.device)
    await rest()
    expect(await rowsOf(laptop, bob)).toEqual(await rowsOf(phone, bob))
    expect((await rowsOf(laptop, bob)).length).toBe(3)
    expect(await laptop.client.history.status()).toMatchObject({ state: 'done', from: phone.client.device, messages: 3 })
    expect([changesOf(laptop), changesOf(phone)]).toEqual([
      ['taking asked', 'taking offered', 'taking taking', 'taking done'], ['giving giving', 'giving given', 'giving ended'],
    ])
    // Nothing is told as new, and nothing is left: neither at the server nor in the stores.
    expect(laptop.log.filter(({ name }) => name === 'message')).toEqual([])
    expect((await laptop.client.conversation(bob.client.account).then((shown) => shown.history())).every(({ arrival, fromArchive }) => arrival === 0 && fromArchive === true)).toBe(true)
    expect([blobs.held.size, await phone.client.history.requests(), (await phone.store.list('history', { limit: 10 })).map(({ key }) => key)]).toEqual([0, [], []])
    expect((await laptop.store.list('history', { limit: 10 })).map(({ key }) => key)).toEqual(['want'])
  })

  it('is told step by step on both sides', async () => {
    const { phone, bob, another } = await scene()
    await say(phone, bob, ...Array.from({ length: 120 }, (_, index) => `message ${String(index)}`))
    const laptop = await another()
    const steps: string[] = []
    for (const test of [phone, laptop]) test.client.on('history-progress', ({ role, device, step, done, total }) => { steps.push(`${role} ${step} ${device === phone.client.device ? 'phone' : 'laptop'} ${String(done)}/${String(total)}`) })
    await share(phone, laptop)
    expect(steps.filter((step) => step.includes('reading'))).toEqual(['giving reading laptop 100/undefined', 'giving reading laptop 120/120'])
    expect(steps.filter((step) => step.includes('importing')).at(-1)).toBe('taking importing phone 120/120')
    expect(steps.some((step) => step.startsWith('giving storing')) && steps.some((step) => step.startsWith('taking fetching'))).toBe(true)
  })

  it('waits until another device is there, and goes on on both sides after a restart', async () => {
    const { phone, bob, another, server, clock, blobs } = await scene()
    await say(phone, bob, ...Array.from({ length: 300 }, (_, index) => `${String(index)} ${'long '.repeat(1_000)}`))
    phone.link.down()
    const laptop = await another()
    await laptop.client.history.request()
    await clock.advance(60_000)
    expect(await laptop.client.history.status()).toMatchObject({ state: 'asked' })
    await laptop.client.history.confirm(phone.client.device)
    phone.link.up()
    await rest()
    // The connection breaks while the archive is stored, and the process ends.
    blobs.failAfter = 0
    await phone.client.history.approve(laptop.client.device)
    await rest()
    expect(await phone.client.history.requests()).toEqual([expect.objectContaining({ state: 'giving' })])
    const stored = [...blobs.held.values()].map(({ bytes }) => bytes.length)
    await phone.core.close()
    blobs.failAfter = Infinity
    const again = await openTestClient(server, phone.store, undefined, undefined, undefined, undefined, blobs)
    await clock.advance(1_000)
    expect(stored[0]).toBe(16 * (65_536 + 16))
    expect(await laptop.client.history.status()).toMatchObject({ state: 'done', messages: 300 })
    expect(await rowsOf(laptop, bob)).toEqual(await rowsOf(again, bob))
  })

  it('is taken on from where the new device was killed', async () => {
    const { phone, bob, another, server, blobs } = await scene()
    await say(phone, bob, ...Array.from({ length: 260 }, (_, index) => `message ${String(index)}`))
    const store = new MemoryStore()
    const laptop = await another(store)
    let seen = 0
    let death: Promise<void> | undefined
    laptop.client.on('history-progress', ({ step, done }) => {
      if (step !== 'importing' || death !== undefined) return
      seen = done
      laptop.client.history.close()
      death = laptop.core.close()
    })
    await share(phone, laptop)
    await death
    expect(seen).toBeGreaterThan(100)
    expect(seen).toBeLessThan(200)
    const again = await openTestClient(server, store, undefined, undefined, undefined, undefined, blobs)
    const done: number[] = []
    again.client.on('history-progress', (progress) => { if (progress.step === 'importing') done.push(progress.done) })
    await rest()
    expect(done[0]).toBeGreaterThan(seen)
    // What was merged before is not merged again.
    expect(done.at(-1)).toBe(260)
    expect(await again.client.history.status()).toMatchObject({ state: 'done' })
    expect(await rowsOf(again, bob)).toEqual(await rowsOf(phone, bob))
    const [told] = again.log.filter(({ name }) => name === 'history-changed')
    expect(told?.event).toMatchObject({ state: 'done' })
  })

  it('is given once though two devices say yes', async () => {
    const { phone, bob, another, blobs } = await scene()
    await say(phone, bob, 'one')
    const tablet = await another()
    await share(phone, tablet)
    const laptop = await another()
    await laptop.client.history.request()
    await rest()
    await Promise.all([phone.client.history.approve(laptop.client.device), tablet.client.history.approve(laptop.client.device)])
    await rest()
    expect((await laptop.client.history.status()).offers.map(({ device }) => device).sort()).toEqual([phone.client.device, tablet.client.device].sort())
    await Promise.all([laptop.client.history.confirm(phone.client.device), laptop.client.history.confirm(phone.client.device)])
    await rest()
    expect(laptop.log.filter(({ name }) => name === 'history-imported')).toHaveLength(1)
    expect(await laptop.client.history.status()).toMatchObject({ state: 'done', messages: 1 })
    expect(changesOf(laptop)).toEqual(['taking asked', 'taking offered', 'taking offered', 'taking taking', 'taking done'])
    expect([await phone.client.history.requests(), await tablet.client.history.requests(), blobs.held.size]).toEqual([[], [], 0])
  })

  it('is not given by who declines, which the new device is told; another device still may', async () => {
    const { phone, bob, another } = await scene()
    await say(phone, bob, 'one')
    const tablet = await another()
    await share(phone, tablet)
    const laptop = await another()
    await laptop.client.history.request()
    await rest()
    await phone.client.history.decline(laptop.client.device)
    await rest()
    expect(await laptop.client.history.status()).toMatchObject({ state: 'asked', declinedBy: [phone.client.device] })
    expect(await phone.client.history.requests()).toEqual([expect.objectContaining({ state: 'declined' })])
    await laptop.client.history.confirm(tablet.client.device)
    await tablet.client.history.approve(laptop.client.device)
    await rest()
    expect(await laptop.client.history.status()).toMatchObject({ state: 'done', from: tablet.client.device })
    expect(await rowsOf(laptop, bob)).toEqual(await rowsOf(phone, bob))
  })

  it('is taken back by the new device, and asked for anew', async () => {
    const { phone, bob, another } = await scene()
    await say(phone, bob, 'one')
    const laptop = await another()
    await laptop.client.history.request()
    await rest()
    await laptop.client.history.cancel()
    await rest()
    expect([await laptop.client.history.status(), await phone.client.history.requests()]).toEqual([expect.objectContaining({ state: 'none' }), []])
    await expect(phone.client.history.approve(laptop.client.device)).rejects.toMatchObject({ code: 'history.refused' })
    await share(phone, laptop)
    expect(await laptop.client.history.status()).toMatchObject({ state: 'done' })
  })

  it('fails by name when the archive is gone or damaged, and can be asked for again', async () => {
    const { phone, bob, another, blobs } = await scene()
    await say(phone, bob, 'one')
    for (const [spoil, error] of [
      [(): void => { blobs.held.clear() }, 'not_found.resource'],
      [(): void => { for (const held of blobs.held.values()) held.bytes = concatBytes(held.bytes.subarray(0, 40), Uint8Array.of(1), held.bytes.subarray(41)) }, 'e2ee.file_damaged'],
    ] as const) {
      const laptop = await another()
      await laptop.client.history.request()
      await laptop.client.history.confirm(phone.client.device)
      await rest()
      laptop.link.down()
      await phone.client.history.approve(laptop.client.device)
      await rest()
      spoil()
      laptop.link.up()
      await rest()
      expect(await laptop.client.history.status()).toMatchObject({ state: 'failed', error })
      expect([await rowsOf(laptop, bob), await phone.client.history.requests()]).toEqual([[], []])
      await share(phone, laptop)
      expect(await laptop.client.history.status()).toMatchObject({ state: 'done' })
      expect(await rowsOf(laptop, bob)).toEqual(await rowsOf(phone, bob))
    }
  })

  it('is asked for again when the request or the answer was lost', async () => {
    const { phone, bob, another, server, clock } = await scene()
    await say(phone, bob, 'one')
    const laptop = await another()
    server.lies.deliver = () => []
    await laptop.client.history.request()
    await rest()
    expect(await phone.client.history.requests()).toEqual([])
    server.lies = {}
    await laptop.client.history.confirm(phone.client.device)
    await clock.advance(HISTORY_LIMITS.askAgainMs)
    server.lies.deliver = (delivery, to) => (to === laptop.client.device ? [] : [delivery])
    await phone.client.history.approve(laptop.client.device)
    await rest()
    expect([await laptop.client.history.status(), await phone.client.history.requests()]).toEqual([expect.objectContaining({ state: 'asked' }), [expect.objectContaining({ state: 'given' })]])
    server.lies = {}
    await clock.advance(HISTORY_LIMITS.askAgainMs)
    expect(await laptop.client.history.status()).toMatchObject({ state: 'done' })
  })

  it('is over after a week, and leaves nothing', async () => {
    const { phone, bob, another, clock, blobs } = await scene()
    await say(phone, bob, 'one')
    const laptop = await another()
    await laptop.client.history.request()
    await rest()
    laptop.link.down()
    await phone.client.history.approve(laptop.client.device)
    await rest()
    expect(blobs.held.size).toBe(1)
    await clock.advance(HISTORY_LIMITS.keptMs)
    expect([await phone.client.history.requests(), blobs.held.size]).toEqual([[], 0])
  })

  it('needs another device, and a store of files', async () => {
    const { phone, server } = await scene()
    await expect(phone.client.history.request()).rejects.toMatchObject({ code: 'history.no_device' })
    const bare = await openTestClient(server, new MemoryStore(), testWallet('alice'))
    await expect(bare.client.history.request()).rejects.toMatchObject({ code: 'files.none' })
    await expect(phone.client.history.approve('00'.repeat(16))).rejects.toMatchObject({ code: 'history.refused' })
  })
})

describe('a device that is none of the account any more', () => {
  /** Revokes the device of `test` by the phone, so that `seenBy` alone knows of it. */
  async function revoke(by: TestClient, device: DeviceId): Promise<void> {
    await by.client.revokeDevice(device, testWallet('alice'))
    await rest()
  }

  it('is given nothing though its person said yes before: not when it is revoked before anything is sealed, nor when it is revoked before the key is sent', async () => {
    const { phone, bob, another, blobs, server } = await scene()
    await say(phone, bob, 'one')
    const tablet = await another()
    const push = phone.link.push.bind(phone.link)
    for (const when of ['before sealing', 'before sending'] as const) {
      const thief = await another()
      await thief.client.history.request()
      await rest()
      // Nobody tells the phone: it has to ask.
      server.lies.deliver = (delivery, to) => (to === phone.client.device ? [] : [delivery])
      phone.link.push = (event) => { if (event.type !== 'notice') push(event) }
      if (when === 'before sealing') await revoke(tablet, thief.client.device)
      expect(await phone.client.history.requests()).toHaveLength(1)
      const calls: string[] = []
      const create = blobs.create.bind(blobs)
      // What the phone stores is on its way while another device revokes.
      blobs.create = async (announced) => {
        calls.push('create')
        if (when === 'before sending') await tablet.client.revokeDevice(thief.client.device, testWallet('alice'))
        return create(announced)
      }
      await phone.client.history.approve(thief.client.device)
      await rest()
      blobs.create = create
      server.lies = {}
      phone.link.push = push
      expect([when, calls.length]).toEqual([when, when === 'before sending' ? 1 : 0])
      expect(await phone.client.history.requests()).toEqual([])
      expect(changesOf(phone).at(-1)).toBe('giving ended')
      expect([blobs.held.size, (await phone.store.list('history', { limit: 10 })).map(({ key }) => key)]).toEqual([0, []])
      expect(changesOf(thief)).toEqual(['taking asked'])
    }
  })

  it('loses what waits for it at the server', async () => {
    const { phone, bob, another, blobs } = await scene()
    await say(phone, bob, 'one')
    const thief = await another()
    await thief.client.history.request()
    await rest()
    thief.link.down()
    await phone.client.history.approve(thief.client.device)
    await rest()
    expect(blobs.held.size).toBe(1)
    await revoke(phone, thief.client.device)
    expect(blobs.held.size).toBe(0)
  })

  it('gives nothing that is taken', async () => {
    const { phone, bob, another, blobs } = await scene()
    await say(phone, bob, 'one')
    const tablet = await another()
    await share(phone, tablet)
    const laptop = await another()
    await laptop.client.history.request()
    await rest()
    await laptop.client.history.confirm(tablet.client.device)
    const read = blobs.read.bind(blobs)
    blobs.read = () => Promise.reject(new EvegramError('unavailable.server', { operation: 'read' }))
    await tablet.client.history.approve(laptop.client.device)
    await rest()
    laptop.link.down()
    await revoke(phone, tablet.client.device)
    blobs.read = read
    laptop.link.up()
    await rest()
    expect(await laptop.client.history.status()).toMatchObject({ state: 'failed' })
    expect(await rowsOf(laptop, bob)).toEqual([])
  })
})

describe('a device that somebody else added with the wallet', () => {
  it('gives nothing that is taken, however early it answers: its digits are not those of the device in the hand', async () => {
    const { phone, bob, blobs, another, server } = await scene()
    await say(phone, bob, 'one')
    const thief = await another()
    await say(thief, bob, 'made up')
    const store = new MemoryStore()
    const laptop = await another(store)
    await laptop.client.history.request()
    await rest()
    // It says yes at once; the person has the phone in the hand.
    await thief.client.history.approve(laptop.client.device)
    await rest()
    const fetched: string[] = []
    const read = blobs.read.bind(blobs)
    blobs.read = (blob, from, length) => {
      fetched.push(blob)
      return read(blob, from, length)
    }
    const [shown] = await phone.client.history.requests()
    const { state, offers, codes } = await laptop.client.history.status()
    expect([state, offers.map(({ device }) => device), fetched, await rowsOf(laptop, bob)]).toEqual(['offered', [thief.client.device], [], []])
    expect(offers[0]?.code).not.toBe(shown?.code)
    expect(codes.filter(({ code }) => code === shown?.code).map(({ device }) => device)).toEqual([phone.client.device])
    // What was offered is there after a restart, and goes when the person says no.
    await laptop.core.close()
    const again = await openTestClient(server, store, undefined, undefined, undefined, undefined, blobs)
    expect((await again.client.history.status()).offers).toEqual(offers)
    await again.client.history.refuse(thief.client.device)
    expect(await again.client.history.status()).toMatchObject({ state: 'asked', offers: [], codes: [{ device: phone.client.device }] })
    await expect(again.client.history.confirm(thief.client.device)).rejects.toMatchObject({ code: 'history.refused' })
    await phone.client.history.approve(again.client.device)
    await rest()
    await again.client.history.confirm(phone.client.device)
    await rest()
    expect(await again.client.history.status()).toMatchObject({ state: 'done', from: phone.client.device })
    expect(await rowsOf(again, bob)).toEqual(await rowsOf(phone, bob))
  })

  it('cannot stand between the two: what it asks and answers itself has other digits on either side', async () => {
    const { phone, another } = await scene()
    const [thief, laptop] = [await another(), await another()]
    await laptop.client.history.request()
    await thief.client.history.request()
    await rest()
    const asked = await phone.client.history.requests()
    const { codes } = await laptop.client.history.status()
    const all = [...asked, ...codes].map(({ code }) => code)
    // Of four codes two are the same: those of the two devices in the hand.
    expect([all.length, new Set(all).size]).toEqual([4, 3])
    expect(asked.find(({ device }) => device === laptop.client.device)?.code).toBe(codes.find(({ device }) => device === phone.client.device)?.code)
    // Another request of the same two devices has others.
    await laptop.client.history.cancel()
    await rest()
    const again = await laptop.client.history.request()
    expect(again.codes.find(({ device }) => device === phone.client.device)?.code).not.toBe(codes.find(({ device }) => device === phone.client.device)?.code)
  })

  it('is not what a person can confirm who asks nobody, nor a device of somebody else', async () => {
    const { phone, bob, another } = await scene()
    const laptop = await another()
    await expect(laptop.client.history.confirm(phone.client.device)).rejects.toMatchObject({ code: 'history.refused' })
    await laptop.client.history.request()
    await expect(laptop.client.history.confirm(bob.client.device)).rejects.toMatchObject({ code: 'history.refused' })
    await expect(laptop.client.history.refuse(bob.client.device)).rejects.toMatchObject({ code: 'history.refused' })
  })
})

describe('what others say about history', () => {
  it('is refused from another account and outside of the conversation of the account with itself', async () => {
    const { phone, bob } = await scene()
    await say(phone, bob, 'one')
    const body = { kind: 'history_request', body: { ask: new Uint8Array(16), reads: 2 } } as const
    const from = { account: bob.client.account, device: bob.client.device } as Parameters<typeof phone.core.historyMail.take>[3]
    await phone.core.core.local.write((tx) => phone.core.historyMail.take(tx, body, directConversationIdOf(phone.client.account, bob.client.account), from, 1))
    expect([phone.refusals(), await phone.client.history.requests()]).toEqual([['e2ee.envelope_mismatch'], []])
  })

  it('ends nothing of another device, and the key is in no event and no refusal', async () => {
    const { phone, bob, another } = await scene()
    await say(phone, bob, 'one')
    const [laptop, thief] = [await another(), await another()]
    await laptop.client.history.request()
    await rest()
    const [row] = await phone.store.list('history', { from: 'give/', to: 'give/~', limit: 10 })
    const ask = Uint8Array.from(Buffer.from(row?.key.slice('give/'.length) ?? '', 'hex'))
    const self = directConversationIdOf(phone.client.account, phone.client.account)
    const from = { account: thief.client.account, device: thief.client.device } as Parameters<typeof phone.core.historyMail.take>[3]
    for (const body of [{ ask, over: true } as const, { ask, reads: 2 }]) {
      await phone.core.core.local.write((tx) => phone.core.historyMail.take(tx, { kind: 'history_request', body }, self, from, 1))
    }
    await rest()
    expect(await phone.client.history.requests()).toEqual([expect.objectContaining({ device: laptop.client.device, state: 'waiting' })])
    await share(phone, laptop)
    expect(hexOf(ask)).toMatch(/^[0-9a-f]{32}$/)
  })
})
