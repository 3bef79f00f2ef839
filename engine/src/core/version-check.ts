import { ALL_DEVICES, ENVELOPE_KIND, SEND_REFUSALS_MAX, encodeEnvelope, decodeEnvelope, viewEnvelope, type DeviceId, type EnvelopeView } from '@evegram/protocol'
import type { ConversationLease } from './conversations.js'

/** What is checked of an envelope. */
type Checked = Omit<EnvelopeView, 'bytes' | 'number' | 'order'>

/**
 * What the versions of an envelope say (rule 10):
 * `fits`: every active device of every member has a body, save the sender; `older` tells that the sender named older versions.
 * A body for all devices covers those of the versions that it names, and is refused for older ones however often.
 * `ahead`: it names a version that the lease does not know: ask the directory again.
 * `stale_membership`: the conversation has other members. `missing`: active devices without a body. `surplus`: bodies to strip.
 */
export type VersionVerdict =
  | { readonly status: 'fits'; readonly older: boolean }
  | { readonly status: 'surplus'; readonly older: boolean }
  | { readonly status: 'missing'; readonly devices: readonly DeviceId[] }
  | { readonly status: 'ahead' }
  | { readonly status: 'stale_membership' }

const FITS: VersionVerdict = { status: 'fits', older: false }

/** Compares an envelope with the lease. `refusals`: how often this message was refused for missing devices before. */
export function checkVersions(envelope: Checked, lease: ConversationLease, refusals: number): VersionVerdict {
  if (envelope.membershipVersion !== lease.membershipVersion) return { status: 'stale_membership' }
  const versions = compareVersions(envelope, lease)
  if (versions === 'ahead') return { status: 'ahead' }
  let covered = 0
  let surplus = false
  let forAll = false
  for (const body of envelope.bodies) {
    if (body.device === ALL_DEVICES) forAll = true
    else if (!lease.devices.has(body.device)) surplus = true
    else if (body.device !== envelope.device) covered++
  }
  const older = versions === 'older'
  // Control traffic is meant for the devices it names. A sender that names the newest versions and leaves devices out knows which, and supplements
  // them; one that names older versions does not know, however often it was refused for others.
  if (envelope.kind === ENVELOPE_KIND.message && (refusals < SEND_REFUSALS_MAX || older)) {
    // A body for all was made for the devices of the versions that the envelope names: one that was revoked since could read it, and nobody knows
    // which of the others could not. The sender has to look at the logs, so no devices are named.
    if (forAll) return older ? { status: 'missing', devices: [] } : surplusOrFits(surplus)
    const wanted = lease.devices.size - (lease.devices.has(envelope.device) ? 1 : 0)
    if (covered !== wanted) return { status: 'missing', devices: missingDevices(envelope, lease) }
  }
  return older ? { status: surplus ? 'surplus' : 'fits', older } : surplusOrFits(surplus)
}

function surplusOrFits(surplus: boolean): VersionVerdict {
  return surplus ? { status: 'surplus', older: false } : FITS
}

function compareVersions(envelope: Checked, lease: ConversationLease): 'equal' | 'older' | 'ahead' {
  let older = false
  for (let index = 0; index < lease.versions.length; index++) {
    const current = lease.versions[index]
    if (current === undefined) continue
    const inPlace = envelope.accounts[index]
    const named = inPlace?.account === current.account ? inPlace : envelope.accounts.find(({ account }) => account === current.account)
    const seq = named?.seq ?? 0
    if (seq > current.seq) return 'ahead'
    if (seq < current.seq) older = true
  }
  return older ? 'older' : 'equal'
}

function missingDevices(envelope: Checked, lease: ConversationLease): DeviceId[] {
  const named = new Set(envelope.bodies.map((body) => body.device))
  return [...lease.devices].filter((device) => device !== envelope.device && !named.has(device))
}

/** The envelope without the bodies whose devices are not active devices of members. The same input always gives the same bytes. */
export function withoutSurplus(bytes: Uint8Array, lease: ConversationLease): { readonly view: EnvelopeView; readonly stripped: number } {
  const whole = decodeEnvelope(bytes)
  const bodies = whole.bodies.filter((body) => body.device === ALL_DEVICES || lease.devices.has(body.device))
  return { view: viewEnvelope(encodeEnvelope({ ...whole, bodies })), stripped: whole.bodies.length - bodies.length }
}
