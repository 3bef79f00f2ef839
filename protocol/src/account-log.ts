import { decodeEntry, headOf, type LogEntry } from './account-log-entry.js'
import { checkEntryProofs, type LogContext, type LogRefusal } from './account-log-proofs.js'
import { activeDevice, activeDevices, activeWallets, emptyAccountState, type AccountState } from './account-log-state.js'
import { equalBytes } from './bytes.js'
import { isEvegramError } from './errors.js'
import { deviceIdOf } from './ids.js'
import { LIMITS } from './limits.js'

/** Answer of {@link applyEntry}: the new state, or the first rule that the entry breaks. */
export type ApplyResult =
  | { readonly status: 'applied'; readonly state: AccountState; readonly entry: LogEntry }
  | ({ readonly status: 'refused' } & LogRefusal)

/**
 * Applies one encoded entry to the state before it. All rules are here and in `checkEntryProofs`, in this order: bytes, place in the log,
 * time, meaning, proofs; the first that fails gives the code. Never throws, whatever the bytes. In mode `server` the caller then has to
 * consume the nonces of the wallet proofs and to check that a linked wallet is in no other account: neither is in the log.
 */
export function applyEntry(state: AccountState, encodedEntry: Uint8Array, context: LogContext): ApplyResult {
  const entry = readEntry(encodedEntry)
  if ('code' in entry) return { status: 'refused', ...entry }
  const refusal = checkPlace(state, entry, context) ?? checkTime(entry, context) ?? checkMeaning(state, entry) ?? checkEntryProofs(state, entry, context)
  if (refusal !== undefined) return { status: 'refused', ...refusal }
  return { status: 'applied', state: { ...changed(state, entry), seq: entry.seq, head: headOf(encodedEntry) }, entry }
}

/** Answer of {@link verifyLog}; a refusal names the entry by its index in the list. */
export type VerifyLogResult =
  | { readonly status: 'applied'; readonly state: AccountState; readonly entries: readonly LogEntry[] }
  | ({ readonly status: 'refused'; readonly index: number } & LogRefusal)

/**
 * Applies encoded entries one after the other to `start`, by default the empty state of the account that the first entry names: the
 * caller compares `state.account` with the account that it asked for. Never throws; no entries and no start are refused.
 */
export function verifyLog(entries: readonly Uint8Array[], context: LogContext, start?: AccountState): VerifyLogResult {
  const applied: LogEntry[] = []
  let state = start
  for (const [index, bytes] of entries.entries()) {
    if (state === undefined) {
      const first = readEntry(bytes)
      if ('code' in first) return { status: 'refused', index, ...first }
      state = emptyAccountState(first.account)
    }
    const result = applyEntry(state, bytes, context)
    if (result.status === 'refused') return { ...result, index }
    state = result.state
    applied.push(result.entry)
  }
  if (state === undefined) return { status: 'refused', index: 0, code: 'account.log_invalid', reason: 'the log has no entries' }
  return { status: 'applied', state, entries: applied }
}

function readEntry(bytes: Uint8Array): LogEntry | LogRefusal {
  try {
    return decodeEntry(bytes)
  } catch (cause) {
    if (isEvegramError(cause)) return { code: cause.code, reason: 'the entry does not parse' }
    throw cause
  }
}

function checkPlace(state: AccountState, entry: LogEntry, context: LogContext): LogRefusal | undefined {
  if (entry.account !== state.account) return { code: 'account.mismatch', reason: 'the entry belongs to another account' }
  if (state.closed) return { code: 'account.closed', reason: 'the account is closed' }
  if (entry.seq !== state.seq + 1 || !equalBytes(entry.prev, state.head)) {
    // A server is told about a race with another device; a peer that gets such an entry was given no log at all.
    return { code: context.mode === 'server' ? 'conflict.log_head' : 'account.log_invalid', reason: 'the entry does not follow the head of the log' }
  }
  if (entry.seq > LIMITS.logEntriesMax) return { code: 'account.log_full', reason: 'the log is full' }
  return undefined
}

function checkTime(entry: LogEntry, context: LogContext): LogRefusal | undefined {
  if (entry.atMs > context.nowMs + LIMITS.challengeMs) return { code: 'proof.not_yet_valid', reason: 'the entry is from the future' }
  if (context.mode === 'server' && entry.atMs < context.nowMs - LIMITS.challengeMs) return { code: 'proof.expired', reason: 'the entry is too old' }
  return undefined
}

function checkMeaning(state: AccountState, entry: LogEntry): LogRefusal | undefined {
  if (state.seq === 0 && entry.kind !== 'device.add') return { code: 'account.log_invalid', reason: 'the first entry must add a device' }
  switch (entry.kind) {
    case 'device.add':
      return checkNewDevice(state, entry.body)
    case 'device.revoke':
      if (activeDevice(state, entry.body.device) !== undefined) return undefined
      return { code: 'account.device_unknown', reason: 'the device is not active' }
    case 'wallet.link':
      if (state.wallets.get(entry.body.wallet)?.active === true) return { code: 'account.wallet_taken', reason: 'the wallet is linked already' }
      if (activeWallets(state).length >= LIMITS.walletsPerAccountMax) return { code: 'account.wallet_limit', reason: 'too many wallets' }
      return undefined
    case 'wallet.unlink':
      if (entry.body.wallet === state.foundingWallet) return { code: 'account.founding_wallet', reason: 'the founding wallet stays' }
      if (state.wallets.get(entry.body.wallet)?.active !== true) return { code: 'account.wallet_unknown', reason: 'the wallet is not linked' }
      return undefined
    case 'policy':
    case 'closed':
      return undefined
    default:
      return entry satisfies never
  }
}

function checkNewDevice(state: AccountState, body: Extract<LogEntry, { kind: 'device.add' }>['body']): LogRefusal | undefined {
  const device = deviceIdOf(body.identityKey, body.signingKey)
  const known = state.devices.get(device)
  if (known?.active === false) return { code: 'account.device_revoked', reason: 'a revoked device never returns' }
  if (known !== undefined && known.registrationId !== body.registrationId) {
    return { code: 'account.log_invalid', reason: 'a renewal keeps the registration id' }
  }
  if (known === undefined && activeDevices(state).length >= LIMITS.devicesPerAccountMax) {
    return { code: 'account.device_limit', reason: 'too many devices' }
  }
  if (body.approvedBy !== undefined && activeDevice(state, body.approvedBy) === undefined) {
    return { code: 'account.device_unknown', reason: 'the approving device is not active' }
  }
  // A renewal lets nobody in, so it needs no approval; a device cannot approve itself because it is not active before.
  if (state.approveDevices && known === undefined && body.approvedBy === undefined) {
    return { code: 'account.policy', reason: 'the policy asks for the approval of an active device' }
  }
  return body.approvedBy === device ? { code: 'account.log_invalid', reason: 'a device does not approve itself' } : undefined
}

function changed(state: AccountState, entry: LogEntry): AccountState {
  switch (entry.kind) {
    case 'device.add':
      return withDevice(state, entry)
    case 'device.revoke':
      return { ...state, devices: deactivated(state.devices, (device) => device === entry.body.device) }
    case 'wallet.link':
      return { ...state, wallets: new Map(state.wallets).set(entry.body.wallet, { active: true, linkedAtSeq: entry.seq }) }
    case 'wallet.unlink':
      return { ...state, wallets: deactivated(state.wallets, (wallet) => wallet === entry.body.wallet) }
    case 'policy':
      return { ...state, approveDevices: entry.body.approveDevices }
    case 'closed':
      return { ...state, closed: true, devices: deactivated(state.devices, () => true) }
    default:
      return entry satisfies never
  }
}

function deactivated<Id, Member extends { readonly active: boolean }>(members: ReadonlyMap<Id, Member>, matches: (id: Id) => boolean): Map<Id, Member> {
  return new Map([...members].map(([id, member]) => [id, matches(id) ? { ...member, active: false } : member]))
}

function withDevice(state: AccountState, entry: Extract<LogEntry, { kind: 'device.add' }>): AccountState {
  const { identityKey, signingKey, registrationId, approvedBy } = entry.body
  const device = deviceIdOf(identityKey, signingKey)
  const known = state.devices.get(device)
  const proof = entry.proofs.find((candidate) => candidate.type === 'wallet')?.proof
  const approver = approvedBy ?? known?.approvedBy
  const devices = new Map(state.devices).set(device, {
    identityKey, signingKey, registrationId, addedSeq: known?.addedSeq ?? entry.seq, attestedAtMs: Math.max(known?.attestedAtMs ?? 0, proof?.issuedAtMs ?? 0), active: true,
    ...(approver === undefined ? {} : { approvedBy: approver }),
  })
  if (state.seq > 0 || proof === undefined) return { ...state, devices }
  return { ...state, devices, foundingWallet: proof.walletId, wallets: new Map([[proof.walletId, { active: true, linkedAtSeq: entry.seq }]]) }
}
