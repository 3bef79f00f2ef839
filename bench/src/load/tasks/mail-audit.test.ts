import { beforeEach, describe, expect, it } from 'vitest'
import { PAYLOAD_BYTES_MIN, writeStamp } from '../measure/stamp.js'
import { MailAudit } from './mail-audit.js'

const [ALICE, BOB, STREAM] = [0, 1, 7]
function payload(number: number, stream = STREAM): Uint8Array {
  const bytes = new Uint8Array(PAYLOAD_BYTES_MIN)
  writeStamp(bytes, { stream, number, plannedUs: 0 })
  return bytes
}
const sent = (count: number, refused = 0): Parameters<MailAudit['counts']>[0] => [{ stream: STREAM, sent: count, refused, receivers: 1 }]

describe('the audit of clients that come and go', () => {
  let audit: MailAudit
  beforeEach(() => {
    audit = new MailAudit()
    audit.expect(BOB, STREAM)
  })

  it('finds nothing wrong with messages that come once, live or caught up', () => {
    audit.take(BOB, payload(1), 'live')
    audit.connected(BOB)
    audit.take(BOB, payload(2), 'caught up')
    audit.take(BOB, payload(3), 'live')
    expect(audit.counts(sent(3))).toEqual({ lost: 0, duplicated: 0, reordered: 0, undecryptable: 0, misdelivered: 0, repeated: 0 })
  })

  it('counts what never came, and nothing that was refused', () => {
    audit.take(BOB, payload(1), 'live')
    expect(audit.counts(sent(3)).lost).toBe(2)
    expect(audit.counts(sent(3, 2)).lost).toBe(0)
  })

  it('calls the same message twice on one live connection a fault', () => {
    audit.take(BOB, payload(1), 'live')
    expect(audit.take(BOB, payload(1), 'live')).toBeUndefined()
    expect(audit.counts(sent(1))).toMatchObject({ duplicated: 1, repeated: 0 })
  })

  it('forgives what a catch-up repeats, also over two connections, and still sees it twice on the new one', () => {
    audit.take(BOB, payload(1), 'live')
    audit.connected(BOB)
    audit.take(BOB, payload(1), 'caught up')
    expect(audit.counts(sent(1))).toMatchObject({ duplicated: 0, repeated: 1 })
    audit.take(BOB, payload(1), 'live')
    expect(audit.counts(sent(1))).toMatchObject({ duplicated: 0, repeated: 2 })
    audit.take(BOB, payload(1), 'live')
    expect(audit.counts(sent(1))).toMatchObject({ duplicated: 1, repeated: 2 })
  })

  it('forgives a message that was sent again, and no other', () => {
    for (const number of [1, 2]) audit.take(BOB, payload(number), 'live')
    audit.sentAgain(STREAM, 1)
    for (const number of [1, 2]) audit.take(BOB, payload(number), 'live')
    expect(audit.counts(sent(2))).toMatchObject({ duplicated: 1, repeated: 1 })
  })

  it('forgives repeats after a node was lost, and none before', () => {
    audit.take(BOB, payload(1), 'live')
    audit.take(BOB, payload(1), 'live')
    audit.nodeLost()
    audit.take(BOB, payload(1), 'live')
    expect(audit.counts(sent(1))).toMatchObject({ duplicated: 1, repeated: 1 })
  })

  it('tells messages out of order, changed ones and those of others', () => {
    audit.take(BOB, payload(2), 'live')
    audit.take(BOB, payload(1), 'live')
    audit.take(BOB, new Uint8Array(PAYLOAD_BYTES_MIN), 'live')
    audit.take(ALICE, payload(3), 'live')
    expect(audit.counts(sent(2))).toMatchObject({ lost: 0, reordered: 1, undecryptable: 1, misdelivered: 1 })
  })
})
