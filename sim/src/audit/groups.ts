import { ALL_DEVICES, BODY_HEADER_BYTES, decodeMembershipEntry, hexOf, type BodySlice, type EnvelopeView } from '@evegram/protocol'
import type { GroupMembership } from '@evegram/engine'
import type { GroupRow } from '@evegram/sdk/parts'
import type { DiskCommit } from './disk-commit.js'
import { short, type AuditContext, type DeviceRecord } from './ledger.js'
import { envelopeIn } from './wire.js'

/** What may still be composed for what was known before: what is committed within this time, or in this many commits, was begun before. */
const BEGUN_BEFORE_MS = 1_000
const BEGUN_BEFORE_COMMITS = 2
/** Place of the name of a sender key in a message under it: behind the version, and tag and length of the first field. */
const KEY_NAME = { from: 3, to: 19 } as const

/** A message that was composed under a sender key. */
interface Use {
  readonly by: DeviceRecord
  readonly version: number
  readonly what: string
}

/**
 * P7 in groups: devices believe the entries that members signed and no others, never fewer than before; what is composed names the newest
 * membership that its sender knows; and no device outside that membership, nor one that the sender knows to be revoked, ever had the key on its
 * disk. A device that keeps what it once had could read with it, whatever the server hands it.
 */
export class Groups {
  readonly #context: AuditContext
  /** By conversation, sender and name of a key: the devices whose disks ever held it, and what was composed under it. */
  readonly #holders = new Map<string, Set<DeviceRecord>>()
  readonly #uses = new Map<string, Use[]>()

  constructor(context: AuditContext) {
    this.#context = context
  }

  /** An entry is in the store. */
  stored(next: GroupMembership, entry: Uint8Array): void {
    const { run, ledger } = this.#context
    const { actor, kind } = decodeMembershipEntry(entry)
    run.coverage.count(`audit/group entry ${kind}`)
    const what = `entry ${next.version} of group ${short(next.conversation)}`
    if (!ledger.groups.add(next, run.trueTimeMs)) run.broken('P7', `${what} is not the next one`)
    if (ledger.device(actor.device)?.account !== actor.account) run.broken('P7', `${what} was made by device ${short(actor.device)}, whose owner never made it`)
    const before = ledger.groups.version(next.conversation, next.version - 1)
    if (before !== undefined && !before.members.has(actor.account)) run.broken('P7', `${what} was made by ${ledger.nameOf(actor.device)}, who was no member`)
  }

  /** Rows became durable; after {@link Accounts.committed}, which counts commits and knows who is revoked. */
  committed(device: DeviceRecord, commit: DiskCommit): void {
    this.followed(device, commit.groups)
    for (const key of commit.senderKeys) this.#got(device, key)
    for (const { envelope } of commit.outbox) {
      const view = envelopeIn(envelope)
      if (view !== undefined && this.#context.ledger.groups.isGroup(view.conversation)) this.#composed(device, view)
    }
  }

  /** A device believes logs: of groups, or of the authors of channels. */
  followed(device: DeviceRecord, rows: readonly GroupRow[]): void {
    for (const row of rows) this.#followed(device, row)
  }

  /** A device believes a log. */
  #followed(device: DeviceRecord, { state, heads }: GroupRow): void {
    const { run, ledger } = this.#context
    const { conversation, seq } = state
    const what = `${device.name} believes entry ${seq} of group ${short(conversation)}`
    run.coverage.count('audit/group followed')
    const before = device.groups.get(conversation)
    if (before !== undefined && seq < before.version) run.broken('P7', `${what} after entry ${before.version}`)
    if (before === undefined || seq > before.version) device.groups.set(conversation, { version: seq, atMs: run.trueTimeMs, commit: device.commits })
    heads.forEach((head, index) => {
      if (ledger.groups.version(conversation, index + 1)?.head !== hexOf(head)) run.broken('P7', `${what}, and an entry ${index + 1} that nobody stored`)
    })
    const members = ledger.groups.version(conversation, seq)?.members
    const isSame = members?.size === state.members.size && [...state.members].every(([account, { role }]) => members.get(account) === role)
    if (!isSame) run.broken('P7', `${what} with other members or roles than it has`)
  }

  /** A sender key came to the disk of a device. */
  #got(device: DeviceRecord, key: string): void {
    const holders = this.#holders.get(key) ?? new Set<DeviceRecord>()
    this.#holders.set(key, holders)
    if (holders.has(device)) return
    holders.add(device)
    this.#context.run.coverage.count('audit/sender key given')
    for (const use of this.#uses.get(key) ?? []) this.#checkHolder(key, use, device, false)
  }

  #composed(device: DeviceRecord, view: EnvelopeView): void {
    const { run, ledger } = this.#context
    const { conversation, membershipVersion: version } = view
    const bytes = bodyBytes(view, view.bodies.find((body) => body.device === ALL_DEVICES))
    if (bytes === undefined || device.composed.has(hexOf(bytes))) return
    device.composed.add(hexOf(bytes))
    const what = `${device.name} composed number ${view.number} in group ${short(conversation)} for version ${version}`
    run.coverage.count('audit/composed for a group')
    const known = device.groups.get(conversation)
    if (known !== undefined && version < known.version && this.#isLate(device, known)) run.broken('P7', `${what} when it had long known version ${known.version}`)
    const members = ledger.groups.version(conversation, version)?.members
    if (members?.has(device.account) !== true) run.broken('P7', `${what}, of which it is no member`)
    const key = `${conversation}/${device.device}/${hexOf(bytes.subarray(KEY_NAME.from, KEY_NAME.to))}`
    const use: Use = { by: device, version, what }
    const uses = this.#uses.get(key) ?? []
    this.#uses.set(key, uses)
    // One use of each version tells enough of those who come to hold the key later.
    if (!uses.some((earlier) => earlier.version === version)) uses.push(use)
    for (const holder of this.#holders.get(key) ?? []) this.#checkHolder(key, use, holder, true)
  }

  /** `isNow`: it is composed at this moment, so that what its sender knows of revocations counts. */
  #checkHolder(key: string, { by, version, what }: Use, holder: DeviceRecord, isNow: boolean): void {
    const { run, ledger } = this.#context
    run.coverage.count('audit/sender key held')
    const [conversation] = key.split('/')
    // The key was made of it above.
    const members = ledger.groups.version(conversation as EnvelopeView['conversation'], version)?.members
    if (members?.has(holder.account) !== true) run.broken('P7', `${what} under a key that ${holder.name} has, who is no member then`)
    const revoked = isNow ? by.revoked.get(holder.device) : undefined
    if (revoked !== undefined && this.#isLate(by, revoked)) run.broken('P7', `${what} under a key that ${holder.name} has, whose revocation it had long seen`)
  }

  #isLate(device: DeviceRecord, { atMs, commit }: { readonly atMs: number; readonly commit: number }): boolean {
    return device.commits - commit > BEGUN_BEFORE_COMMITS && this.#context.ledger.awakeSinceMs(device.name, atMs) > BEGUN_BEFORE_MS
  }
}

/** What is in a body, behind its header. */
function bodyBytes({ bytes }: EnvelopeView, body: BodySlice | undefined): Uint8Array | undefined {
  return body === undefined ? undefined : bytes.subarray(body.start + BODY_HEADER_BYTES, body.end)
}
