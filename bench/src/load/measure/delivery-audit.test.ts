import { describe, expect, it } from 'vitest'
import { DeliveryAudit, lostDeliveries, type StreamSent } from './delivery-audit.js'
import { readStamp, writeStamp } from './stamp.js'

function payload(stream: number, number: number, bytes = 64): Uint8Array {
  const made = new Uint8Array(bytes).fill(7)
  writeStamp(made, { stream, number, plannedUs: 123_456.5 })
  return made
}

/** Client 1 receives stream 5. */
function audit(...payloads: readonly Uint8Array[]): DeliveryAudit {
  const made = new DeliveryAudit()
  made.expect(1, 5)
  for (const one of payloads) made.take(1, one)
  return made
}
const sent = (change: Partial<StreamSent> = {}): StreamSent => ({ stream: 5, sent: 3, refused: 0, receivers: 1, ...change })

describe('the audit of deliveries', () => {
  it('finds nothing where everything came once, in order', () => {
    const { distinct, ...counts } = audit(payload(5, 1), payload(5, 2), payload(5, 3)).counts()
    expect(counts).toEqual({ delivered: 3, duplicated: 0, reordered: 0, undecryptable: 0, misdelivered: 0 })
    expect(distinct.get(5)).toBe(3)
  })

  it('counts a lost one, and not those that were refused', () => {
    const counts = audit(payload(5, 1), payload(5, 3)).counts()
    expect(lostDeliveries([sent()], [counts])).toBe(1)
    expect(lostDeliveries([sent({ refused: 1 })], [counts])).toBe(0)
  })

  it('does not let one that came twice stand for one that was lost', () => {
    const made = audit(payload(5, 1), payload(5, 1), payload(5, 3))
    expect(made.counts()).toMatchObject({ duplicated: 1 })
    expect(lostDeliveries([sent()], [made.counts()])).toBe(1)
  })

  it('does not let a surplus of one stream stand for a loss of another', () => {
    const made = new DeliveryAudit()
    made.expect(1, 5)
    made.expect(1, 6)
    for (const number of [1, 2, 3]) made.take(1, payload(5, number))
    expect(lostDeliveries([sent({ sent: 1 }), sent({ stream: 6, sent: 2 })], [made.counts()])).toBe(2)
  })

  it('counts one that came behind a later one', () => {
    expect(audit(payload(5, 2), payload(5, 1), payload(5, 3)).counts()).toMatchObject({ reordered: 1, duplicated: 0 })
  })

  it('knows streams and receivers apart: each has its own numbers', () => {
    const made = new DeliveryAudit()
    for (const client of [1, 2]) made.expect(client, 5)
    made.take(1, payload(5, 1))
    made.take(2, payload(5, 1))
    expect(made.counts()).toMatchObject({ duplicated: 0 })
    expect(lostDeliveries([sent({ sent: 1, receivers: 2 })], [made.counts()])).toBe(0)
    expect(lostDeliveries([sent({ sent: 1, receivers: 3 })], [made.counts()])).toBe(1)
  })

  it('adds up what several workers saw', () => {
    expect(lostDeliveries([sent({ sent: 2, receivers: 2 })], [audit(payload(5, 1), payload(5, 2)).counts(), audit(payload(5, 1)).counts()])).toBe(1)
  })

  it('counts what is not as it was sent, wherever it was changed', () => {
    for (const index of [0, 4, 8, 12, 63]) {
      const changed = payload(5, 1)
      changed[index] = (changed[index] ?? 0) ^ 1
      expect(audit(changed).counts(), `byte ${String(index)}`).toMatchObject({ undecryptable: 1 })
    }
    expect(audit(payload(5, 1).subarray(0, 63), new Uint8Array(3)).counts()).toMatchObject({ undecryptable: 2 })
  })

  it('counts what came to somebody else', () => {
    expect(audit(payload(6, 1)).counts()).toMatchObject({ misdelivered: 1, undecryptable: 0 })
  })
})

describe('a stamp', () => {
  it('comes back as it was written', () => {
    expect(readStamp(payload(4_294_967_295, 4_294_967_295, 25))).toEqual({ stream: 4_294_967_295, number: 4_294_967_295, plannedUs: 123_456.5 })
  })
})
