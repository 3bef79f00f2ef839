import { describe, expect, it } from 'vitest'
import { encodeCbor, parseAccountId, parseConversationId, parseDeviceId, parseMessageId, type ReadPlace, type StateRegister } from '@evegram/protocol'
import { LocalState } from '../core/local-state.js'
import { EventHub } from '../events.js'
import type { LocalStore } from '../store/local-store.js'
import { MemoryStore } from '../store/memory.js'
import { orderAtTime } from '../sync/order-clock.js'
import { ManualClock } from '../testing/manual-clock.js'
import { STATE_FAMILIES } from './register-keys.js'
import { exportedRegisters, readRegisterRow } from './register-row.js'
import { Registers } from './registers.js'
import { appendEntry, listEntries, logMessage, TRANSACTION_LOG_LIMITS } from './transaction-log.js'

const DEVICE = parseDeviceId('0'.repeat(31) + '1')
const OTHER = parseDeviceId('0'.repeat(31) + '2')
const CONVERSATION = parseConversationId('c'.repeat(32))
const bob = parseAccountId('b'.repeat(32))

function open(store: LocalStore = new MemoryStore()) {
  const clock = new ManualClock()
  const local = new LocalState(store)
  const events = new EventHub(clock)
  const told: string[][] = []
  events.on('state-changed', ({ keys }) => { told.push([...keys]) })
  const registers = new Registers({ device: DEVICE, store: local.store, events, nowMs: () => clock.now(), isActive: () => true })
  return { clock, local, registers, told, store }
}

const fromOther = (key: string, value: string, timeMs: number): StateRegister =>
  ({ type: 'latest', key, clock: new Map(), writes: [{ device: OTHER, number: 1, timeMs, value: encodeCbor(value) }] })

describe('registers of a profile', () => {
  it('are durable with what caused them, or not at all, and tell once for each transaction', async () => {
    const { local, registers, told, store } = open()
    await local.write(async (tx) => {
      await registers.set(tx, 'contact.name', bob, 'Bob')
      await registers.set(tx, 'contact.relation', bob, 'accepted')
      expect(await registers.get('contact.name', bob, tx)).toBe('Bob')
      expect(told).toEqual([])
    })
    await expect(local.write(async (tx) => {
      await registers.set(tx, 'contact.name', bob, 'Robert')
      throw new Error('whatever caused it failed')
    })).rejects.toThrow('whatever')
    expect(told).toEqual([[`contact.name/${bob}`, `contact.relation/${bob}`]])
    const again = open(store)
    expect(await again.registers.get('contact.name', bob)).toBe('Bob')
    expect(await again.registers.get('contact.relation', bob)).toBe('accepted')
  })

  it('hold one entry of the log for each register however often it is written, and nothing for what changes nothing', async () => {
    const { local, registers, told } = open()
    for (const text of ['h', 'he', 'hel', 'hell', 'hello', 'hello']) await local.write((tx) => registers.set(tx, 'draft', CONVERSATION, text))
    await local.write((tx) => registers.set(tx, 'setting', 'theme', 'dark'))
    expect((await listEntries(local.store, 0, 10)).map((entry) => entry.kind === 'register' && entry.key)).toEqual([`draft/${CONVERSATION}`, 'setting/theme'])
    expect(told).toHaveLength(6)
    await local.write((tx) => registers.set(tx, 'draft', CONVERSATION, undefined))
    expect(await registers.get('draft', CONVERSATION)).toBeUndefined()
    expect((await readRegisterRow(local.store, `draft/${CONVERSATION}`))?.register).toMatchObject({ writes: [{ device: DEVICE, number: 7 }] })
  })

  it('take back what was never set without a write', async () => {
    const { local, registers } = open()
    await local.write((tx) => registers.set(tx, 'hidden', parseMessageId('d'.repeat(32)), undefined))
    expect(await listEntries(local.store, 0, 10)).toEqual([])
  })

  it('are listed by family, those that are set alone', async () => {
    const { local, registers } = open()
    const ids = ['1', '2', '3', '4'].map((digit) => parseAccountId(digit.repeat(32)))
    for (const id of ids) await local.write((tx) => registers.set(tx, 'contact.name', id, `name of ${id.slice(0, 1)}`))
    await local.write((tx) => registers.set(tx, 'contact.name', ids[1] ?? bob, undefined))
    await local.write((tx) => registers.set(tx, 'contact.relation', ids[1] ?? bob, 'blocked'))
    expect((await registers.list('contact.name', 10)).map(({ value }) => value)).toEqual(['name of 1', 'name of 3', 'name of 4'])
    expect((await registers.list('contact.name', 2)).map(({ value }) => value)).toEqual(['name of 1', 'name of 3'])
    expect((await registers.list('contact.name', 2, ids[2])).map(({ value }) => value)).toEqual(['name of 4'])
  })

  it('refuse values and ids that their family does not take', async () => {
    const { local, registers } = open()
    const write = (id: string) => local.write((tx) => registers.set(tx, 'setting', id, true))
    await expect(write('Theme')).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(write('a/b')).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(local.write((tx) => registers.set(tx, 'contact.name', bob, ''))).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(local.write((tx) => registers.set(tx, 'draft', CONVERSATION, 'x'.repeat(40_000)))).rejects.toMatchObject({ code: 'invalid.argument' })
  })

  it('are bounded: one more of a family is refused, a write of one that is there is not', async () => {
    const { local, registers } = open()
    const { registersMax } = STATE_FAMILIES.setting
    await local.write(async (tx) => {
      for (let index = 0; index < registersMax; index++) await registers.set(tx, 'setting', `s${String(index)}`, true)
    })
    await expect(local.write((tx) => registers.set(tx, 'setting', 'one.more', true))).rejects.toMatchObject({ code: 'limited.state' })
    await local.write((tx) => registers.set(tx, 'setting', 's0', false))
    expect(await registers.get('setting', 's0')).toBe(false)
  })

  it('merge what another device wrote, tell what is shown otherwise, and know what they know', async () => {
    const { clock, local, registers, told } = open()
    await local.write((tx) => registers.set(tx, 'setting', 'theme', 'dark'))
    const older = fromOther('setting/theme', 'light', clock.now() - 5)
    expect(await local.write((tx) => registers.merge(tx, older))).toBe('news')
    expect(await local.write((tx) => registers.merge(tx, older))).toBe('known')
    expect(await registers.get('setting', 'theme')).toBe('dark')
    expect(told).toHaveLength(1)
    expect(await local.write((tx) => registers.merge(tx, fromOther('setting/language', 'es', 1)))).toBe('news')
    expect(told[1]).toEqual(['setting/language'])
    // Saying what counts already settles that there are two.
    await local.write((tx) => registers.set(tx, 'setting', 'theme', 'dark'))
    expect((await readRegisterRow(local.store, 'setting/theme'))?.register).toMatchObject({ writes: [{ device: DEVICE }], clock: new Map([[DEVICE, 1], [OTHER, 1]]) })
  })

  it('go into an archive and out of it again, and say the same there', async () => {
    const { local, registers } = open()
    await local.write((tx) => registers.set(tx, 'contact.name', bob, 'Bob'))
    await local.write((tx) => registers.set(tx, 'draft', CONVERSATION, 'x'.repeat(30_000)))
    await local.write((tx) => registers.raiseRead(tx, CONVERSATION, { order: 5n, device: OTHER, epoch: 1, number: 1 }))
    const other = open()
    await other.local.write(async (tx) => {
      for await (const bytes of exportedRegisters(local.store)) expect(await other.registers.mergeBytes(tx, bytes)).toBe('news')
      for await (const bytes of exportedRegisters(local.store)) expect(await other.registers.mergeBytes(tx, bytes)).toBe('known')
    })
    expect(await other.registers.get('contact.name', bob)).toBe('Bob')
    expect(await other.registers.readUpTo(CONVERSATION)).toEqual(await registers.readUpTo(CONVERSATION))
    expect(await listEntries(other.local.store, 0, 10)).toEqual([])
    await expect(other.local.write((tx) => other.registers.mergeBytes(tx, encodeCbor(['no key', [], []])))).rejects.toMatchObject({ code: 'invalid.payload' })
  })

  it('keep what a newer version wrote, and count it as not set where they cannot read it', async () => {
    const { local, registers } = open()
    await local.write(async (tx) => {
      await registers.merge(tx, fromOther(`contact.relation/${bob}`, 'adored', 1))
      await registers.merge(tx, fromOther('something.new/x', 'y', 1))
    })
    expect(await registers.get('contact.relation', bob)).toBeUndefined()
    expect(await readRegisterRow(local.store, 'something.new/x')).toBeDefined()
  })

  it('say how far was read, and never less; nor further than an honest server lets a message through', async () => {
    const { clock, local, registers } = open()
    const placeAt = (order: bigint): ReadPlace => ({ order, device: OTHER, epoch: 1, number: 1 })
    const now = orderAtTime(clock.now())
    expect(await local.write((tx) => registers.raiseRead(tx, CONVERSATION, placeAt(now)))).toBe(true)
    expect(await local.write((tx) => registers.raiseRead(tx, CONVERSATION, placeAt(now - 1n)))).toBe(false)
    expect((await registers.readUpTo(CONVERSATION))?.order).toBe(now)
    await local.write((tx) => registers.raiseRead(tx, CONVERSATION, placeAt(2n ** 63n)))
    expect((await registers.readUpTo(CONVERSATION))?.order).toBe(orderAtTime(clock.now() + 65_000))
  })
})

describe('the transaction log', () => {
  it('has every change in order, and of messages the newest', async () => {
    const { local } = open()
    await local.write(async (tx) => {
      await appendEntry(tx, { kind: 'register', key: 'setting/theme', atMs: 1 })
      for (let number = 1; number <= TRANSACTION_LOG_LIMITS.messagesKept + 10; number++) await logMessage(tx, CONVERSATION, 1, number, number)
    })
    const entries = await listEntries(local.store, 0, 1_000)
    expect(entries[0]).toEqual({ kind: 'register', key: 'setting/theme', atMs: 1, at: 1 })
    expect(entries).toHaveLength(1 + TRANSACTION_LOG_LIMITS.messagesKept)
    expect(entries.at(-1)).toMatchObject({ kind: 'message', conversation: CONVERSATION, number: TRANSACTION_LOG_LIMITS.messagesKept + 10 })
  })
})
