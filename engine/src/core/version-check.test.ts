import {
  ALL_DEVICES, BODY_TYPE, encodeEnvelope, ENVELOPE_KIND, SEND_REFUSALS_MAX, viewEnvelope,
  type AccountVersion, type DeviceId, type EnvelopeView,
} from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sampleAccount, sampleConversation, sampleDevice } from '../ports/sample-envelope.contract.js'
import type { ConversationLease } from './conversations.js'
import { checkVersions, withoutSurplus } from './version-check.js'

const [ALICE, BOB] = [sampleAccount(1), sampleAccount(2)]
const [SENDER, LAPTOP, PHONE, STRANGER] = [1, 2, 3, 9].map(sampleDevice) as [DeviceId, DeviceId, DeviceId, DeviceId]

const lease: ConversationLease = {
  conversation: sampleConversation(1), kind: 'direct', membershipVersion: 4, members: [ALICE, BOB], wide: false,
  versions: [{ account: ALICE, seq: 5 }, { account: BOB, seq: 7 }],
  devices: new Set([SENDER, LAPTOP, PHONE]), untilMs: 0, renewAtMs: 0, ended: false,
}
const CURRENT = lease.versions

function envelope(devices: readonly DeviceId[], more: { accounts?: readonly AccountVersion[]; control?: boolean; membershipVersion?: number } = {}): EnvelopeView {
  return viewEnvelope(encodeEnvelope({
    kind: more.control === true ? ENVELOPE_KIND.control : ENVELOPE_KIND.message, conversation: lease.conversation, device: SENDER, account: ALICE,
    epoch: more.control === true ? 0 : 1, number: 1, order: 1n, membershipVersion: more.membershipVersion ?? 4, accounts: more.accounts ?? CURRENT,
    bodies: devices.map((device) => ({ device, type: BODY_TYPE.opaque, bytes: Buffer.from('x') })),
  }))
}

describe('checkVersions', () => {
  it('passes an envelope with a body for every active device but the sender', () => {
    expect(checkVersions(envelope([LAPTOP, PHONE]), lease, 0)).toEqual({ status: 'fits', older: false })
    expect(checkVersions(envelope([SENDER, LAPTOP, PHONE]), lease, 0)).toEqual({ status: 'fits', older: false })
  })

  it('never trusts equal versions: a body left out is missing all the same', () => {
    expect(checkVersions(envelope([LAPTOP]), lease, 0)).toEqual({ status: 'missing', devices: [PHONE] })
    expect(checkVersions(envelope([SENDER, LAPTOP]), lease, 0)).toEqual({ status: 'missing', devices: [PHONE] })
    expect(checkVersions(envelope([LAPTOP, STRANGER]), lease, 0)).toEqual({ status: 'missing', devices: [PHONE] })
  })

  it('refuses missing devices at most twice, then strips only', () => {
    expect(checkVersions(envelope([LAPTOP]), lease, SEND_REFUSALS_MAX - 1).status).toBe('missing')
    expect(checkVersions(envelope([LAPTOP]), lease, SEND_REFUSALS_MAX)).toEqual({ status: 'fits', older: false })
    expect(checkVersions(envelope([LAPTOP, STRANGER]), lease, SEND_REFUSALS_MAX)).toEqual({ status: 'surplus', older: false })
  })

  it('refuses a sender that names older versions however often it was refused: it cannot know what it leaves out', () => {
    const older = { accounts: [{ account: ALICE, seq: 5 }, { account: BOB, seq: 6 }] }
    expect(checkVersions(envelope([LAPTOP], older), lease, SEND_REFUSALS_MAX)).toEqual({ status: 'missing', devices: [PHONE] })
  })

  it('tells older versions, in any order, and versions that are left out', () => {
    expect(checkVersions(envelope([LAPTOP, PHONE], { accounts: [{ account: BOB, seq: 7 }, { account: ALICE, seq: 5 }] }), lease, 0)).toEqual({ status: 'fits', older: false })
    expect(checkVersions(envelope([LAPTOP, PHONE], { accounts: [{ account: BOB, seq: 6 }, { account: ALICE, seq: 5 }] }), lease, 0)).toEqual({ status: 'fits', older: true })
    expect(checkVersions(envelope([LAPTOP, PHONE], { accounts: [] }), lease, 0)).toEqual({ status: 'fits', older: true })
  })

  it('asks for a fresh lease when the sender knows newer versions', () => {
    expect(checkVersions(envelope([LAPTOP], { accounts: [{ account: ALICE, seq: 6 }, { account: BOB, seq: 7 }] }), lease, 0)).toEqual({ status: 'ahead' })
  })

  it('takes a body for all as complete for exactly the versions it was made for', () => {
    expect(checkVersions(envelope([ALL_DEVICES]), lease, 0)).toEqual({ status: 'fits', older: false })
    expect(checkVersions(envelope([ALL_DEVICES], { accounts: [{ account: ALICE, seq: 4 }, { account: BOB, seq: 7 }] }), lease, 0).status).toBe('missing')
    expect(checkVersions(envelope([ALL_DEVICES, STRANGER]), lease, 0)).toEqual({ status: 'surplus', older: false })
  })

  it('never takes a body for all for older versions, however often it was refused: a revoked device could read it', () => {
    for (let refusals = 0; refusals <= SEND_REFUSALS_MAX; refusals++) {
      expect(checkVersions(envelope([ALL_DEVICES], { accounts: [] }), lease, refusals)).toEqual({ status: 'missing', devices: [] })
      expect(checkVersions(envelope([ALL_DEVICES], { membershipVersion: 3 }), lease, refusals)).toEqual({ status: 'stale_membership' })
    }
  })

  it('asks nothing of control traffic but known devices, and of everything the right membership', () => {
    expect(checkVersions(envelope([PHONE], { control: true }), lease, 0)).toEqual({ status: 'fits', older: false })
    expect(checkVersions(envelope([STRANGER], { control: true }), lease, 0)).toEqual({ status: 'surplus', older: false })
    expect(checkVersions(envelope([LAPTOP, PHONE], { membershipVersion: 3 }), lease, SEND_REFUSALS_MAX)).toEqual({ status: 'stale_membership' })
  })
})

describe('withoutSurplus', () => {
  it('removes exactly the bodies of devices that are not active, the same way every time', () => {
    const given = envelope([LAPTOP, STRANGER, PHONE])
    const { view, stripped } = withoutSurplus(given.bytes, lease)
    expect([view.bodies.map(({ device }) => device), stripped]).toEqual([[LAPTOP, PHONE], 1])
    expect(Buffer.from(withoutSurplus(given.bytes, lease).view.bytes).equals(view.bytes)).toBe(true)
    expect(view.order).toBe(given.order)
  })
})
