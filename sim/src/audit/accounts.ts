import { ALL_DEVICES, equalBytes, hexOf, type AccountState, type EnvelopeView } from '@evegram/protocol'
import type { AccountRecord } from '@evegram/sdk/parts'
import type { SimProcess } from '../kernel/process.js'
import type { DiskCommit } from './disk-commit.js'
import { isReadable, short, type AuditContext, type DeviceRecord, type MessageRecord } from './ledger.js'
import { envelopeIn } from './wire.js'

/**
 * What may still be encrypted for a revoked device once the revocation is on the disk of the sender: what is committed within this time of its
 * running, or in this many commits, was begun before.
 */
const BEGUN_BEFORE_MS = 1_000
const BEGUN_BEFORE_COMMITS = 2

/**
 * P7: the server brings no device, no wallet and no history into an account; nothing is encrypted for a device that is not a member's, nor for
 * one whose revocation the sender has seen; and nothing leaves that was not durable.
 */
export class Accounts {
  readonly #context: AuditContext

  constructor(context: AuditContext) {
    this.#context = context
  }

  /** Auth stored an entry. */
  stored(state: AccountState): void {
    const { run, ledger } = this.#context
    run.coverage.count('audit/account entry')
    const before = ledger.state(state.account)
    if (before !== undefined && state.seq <= before.seq) {
      run.broken('P7', `the log of account ${short(state.account)} went from entry ${before.seq} to ${state.seq}`)
    }
    for (const device of state.devices.keys()) {
      if (ledger.device(device)?.account === state.account) continue
      run.broken('P7', `auth took device ${short(device)} into account ${short(state.account)}, whose owner never made it`)
    }
    ledger.addState(state)
  }

  committed(device: DeviceRecord, commit: DiskCommit): void {
    const { run } = this.#context
    device.commits++
    for (const key of commit.forgottenAccounts) run.broken('P7', `${device.name} forgot the pinned ${key.slice(0, 12)}`)
    for (const record of commit.accounts) this.#pinned(device, record)
    for (const { messageId, envelope } of commit.outbox) {
      const view = envelopeIn(envelope)
      if (view !== undefined) this.#queued(device, messageId, view)
    }
  }

  /** A node was handed an envelope: its bodies are for devices of the members, and its bytes are those that the sender committed. */
  sent(node: SimProcess, message: MessageRecord, envelope: EnvelopeView): void {
    const { run, ledger, malicious } = this.#context
    const members = ledger.members(envelope.conversation, envelope.membershipVersion)
    run.coverage.count('audit/recipients')
    for (const body of envelope.bodies) {
      if (!isReadable(body) || body.device === ALL_DEVICES) continue
      const account = ledger.device(body.device)?.account
      if (account !== undefined && members?.includes(account) === true) message.meantFor.add(body.device)
      else {
        run.broken('P7', `message ${short(message.id)} of ${ledger.nameOf(envelope.device)} has a body for ${ledger.nameOf(body.device)}, `
          + 'which is no device of its conversation')
      }
    }
    const sender = ledger.device(envelope.device)
    if (malicious || sender === undefined) return
    run.coverage.count('audit/durable before it leaves')
    if (sender.envelopes.get(message.id)?.some(({ bytes }) => equalBytes(bytes, envelope.bytes)) === true) return
    // A key that goes ahead of a message made anew waits in no outbox: its ratchet step is durable, and whoever misses it asks.
    if (!message.numbered && ledger.groups.isGroup(message.conversation) && sender.handled.has(message.id)) return
    run.broken('P2', `${node.name} got bytes of message ${short(message.id)} that are not durable on ${sender.name}`)
  }

  #pinned(device: DeviceRecord, record: AccountRecord): void {
    const { run, ledger, malicious } = this.#context
    const { state, heads } = record
    const what = `${device.name} pinned entry ${state.seq} of account ${short(state.account)}`
    run.coverage.count('audit/account pinned')
    const before = device.accounts.get(state.account)
    device.accounts.set(state.account, record)
    if (before !== undefined && state.seq < before.state.seq) run.broken('P7', `${what} after entry ${before.state.seq}`)
    before?.heads.forEach((head, index) => {
      const now = heads[index]
      if (now !== undefined && !equalBytes(now, head)) run.broken('P7', `${what} with another entry ${index + 1} than before`)
    })
    // A true account of a stranger; that it gets into no group, the logs of groups are checked for.
    if (malicious && !ledger.isPerson(state.account)) return
    for (const id of state.devices.keys()) {
      if (ledger.device(id)?.account !== state.account) run.broken('P7', `${what} with device ${short(id)}, which its owner never made`)
    }
    for (const wallet of state.wallets.keys()) {
      if (!ledger.isWalletOf(state.account, wallet)) run.broken('P7', `${what} with a wallet that its owner never linked`)
    }
    const genuine = ledger.headOf(state.account, state.seq)
    if (!malicious && genuine !== undefined && genuine !== hexOf(state.head)) run.broken('P7', `${what} with another head than auth stored`)
    for (const [id, { active }] of state.devices) {
      if (!active && !device.revoked.has(id)) device.revoked.set(id, { atMs: run.trueTimeMs, commit: device.commits })
    }
  }

  /** An envelope waits on the disk of its sender: new bodies are for devices that it does not know to be revoked. */
  #queued(device: DeviceRecord, message: MessageRecord['id'], envelope: EnvelopeView): void {
    const { run, ledger } = this.#context
    const earlier = device.envelopes.get(message) ?? []
    for (const body of device.revoked.size === 0 ? [] : envelope.bodies) {
      const revoked = isReadable(body) ? device.revoked.get(body.device) : undefined
      if (revoked === undefined) continue
      run.coverage.count('audit/body for a revoked device')
      const bytes = envelope.bytes.subarray(body.start, body.end)
      if (earlier.some((older) => older.bodies.some(({ start, end }) => equalBytes(older.bytes.subarray(start, end), bytes)))) continue
      const isLate = device.commits - revoked.commit > BEGUN_BEFORE_COMMITS && ledger.awakeSinceMs(device.name, revoked.atMs) > BEGUN_BEFORE_MS
      if (isLate) {
        run.broken('P7', `${device.name} encrypted message ${short(message)} for ${ledger.nameOf(body.device)} `
          + `${Math.floor(run.trueTimeMs - revoked.atMs)} ms after it had seen that device revoked`)
      }
    }
    if (!earlier.some(({ bytes }) => equalBytes(bytes, envelope.bytes))) earlier.push(envelope)
    device.envelopes.set(message, earlier)
  }
}
