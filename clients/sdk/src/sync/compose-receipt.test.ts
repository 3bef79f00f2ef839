import { decodePayloadBody, encodePayloadBody, parseAccountId, parseConversationId, parseDeviceId, type DeviceId, type ReceiptBody } from '@evegram/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasNumber, NO_NUMBERS, numberSet, unite, type NumberSet } from '../core/number-set.js'
import type { ChainRow } from './chain-row.js'
import { emptyChain } from './chain-state.js'
import { composeReceipt, RECEIPT_DEVICES_MAX, receivedOf } from './compose-receipt.js'

const conversation = parseConversationId('01'.repeat(16))
const account = parseAccountId('02'.repeat(16))
const writer = parseDeviceId('03'.repeat(16))

/** The chain of a device of which these numbers came. */
function chainOf(device: DeviceId, came: ReadonlySet<number>): ChainRow {
  let head = 0
  while (came.has(head + 1)) head += 1
  const link = (number: number): ChainRow['ahead'][number] => ({ number, hash: new Uint8Array(32), prev: new Uint8Array(32) })
  return { ...emptyChain(), account, device, epoch: 1, soundAtMs: 0, head: { number: head, hash: new Uint8Array(32) }, ahead: [...came].filter((number) => number > head).sort((left, right) => left - right).map(link) }
}

/** As its receiver counts it, after its way over the wire. */
function said(body: ReceiptBody): NumberSet {
  const { upTo: [place], missing } = decodePayloadBody('receipt', encodePayloadBody({ kind: 'receipt', body })).body
  return numberSet(place?.number ?? 0, missing ?? [])
}

describe('receipts of one chain', () => {
  const history = fc.array(fc.record({ device: fc.nat(2), number: fc.integer({ min: 1, max: 20 }), tells: fc.boolean() }), { minLength: 1, maxLength: 60 })

  it('of up to three devices lead to what any of them has, in any order, doubled and with losses, and never back', () => {
    fc.assert(fc.property(history, fc.infiniteStream(fc.nat(1_000)), (steps, stream) => {
      const draw = (): number => {
        for (const value of stream.take(1)) return value
        throw new Error('an infinite stream has ended')
      }
      const came = [new Set<number>(), new Set<number>(), new Set<number>()]
      const receipts: { readonly device: number; readonly set: NumberSet }[] = []
      const tell = (device: number): void => {
        const chains = new Map([[writer, chainOf(writer, came[device] ?? new Set())]])
        const draft = composeReceipt({ conversation, received: new Set([writer]), read: new Map() }, chains, () => 1)
        if (draft !== undefined) receipts.push({ device, set: said(draft.body) })
      }
      for (const { device, number, tells } of steps) {
        came[device]?.add(number)
        if (tells) tell(device)
      }
      // Any may be lost but the last of each device, which says everything.
      const lost = receipts.filter(() => draw() % 3 === 0)
      for (const device of [0, 1, 2]) tell(device)
      const kept = receipts.filter((receipt) => !lost.includes(receipt))
      const played = [...kept, ...kept].map((receipt) => ({ receipt, at: draw() })).sort((left, right) => left.at - right.at).map(({ receipt }) => receipt.set)
      let known = NO_NUMBERS
      for (const set of played) {
        const next = unite(known, set)
        for (let number = 1; number <= 20; number++) if (hasNumber(known, number)) expect(hasNumber(next, number)).toBe(true)
        known = next
      }
      const all = new Set(came.flatMap((numbers) => [...numbers]))
      expect(Array.from({ length: 20 }, (_, at) => at + 1).filter((number) => hasNumber(known, number))).toEqual([...all].sort((left, right) => left - right))
    }), { numRuns: 300 })
  })

  it('say only what came, however many holes there are, and what was read first', () => {
    const odd = new Set(Array.from({ length: 200 }, (_, at) => 2 * at + 1))
    const chain = chainOf(writer, odd)
    const draft = composeReceipt({ conversation, received: new Set([writer]), read: new Map([[writer, 31]]) }, new Map([[writer, chain]]), () => 1)
    expect(draft).toMatchObject({ body: { kind: 'read', upTo: [{ number: 31 }] }, left: { received: new Set([writer]), read: new Map() } })
    const next = composeReceipt({ conversation, received: new Set([writer]), read: new Map() }, new Map([[writer, chain]]), () => 1)
    const set = next === undefined ? NO_NUMBERS : said(next.body)
    expect([next?.body.missing?.length, set.upTo]).toEqual([64, 129])
    for (let number = 1; number <= 400; number++) if (hasNumber(set, number)) expect(hasNumber(receivedOf(chain), number)).toBe(true)
  })

  it('go to so many devices at once, and the others are owed the next one', () => {
    const devices = Array.from({ length: 5 }, (_, at) => parseDeviceId(`0${String(at + 1)}`.repeat(16)))
    const chains = new Map(devices.map((device, at) => [device, { ...chainOf(device, new Set([1])), account: parseAccountId(`1${String(at)}`.repeat(16)) }]))
    const draft = composeReceipt({ conversation, received: new Set(devices), read: new Map() }, chains, () => RECEIPT_DEVICES_MAX / 4)
    expect([draft?.accounts.size, draft?.left.received]).toEqual([4, new Set(devices.slice(4))])
  })
})
