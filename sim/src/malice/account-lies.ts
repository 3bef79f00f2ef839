import {
  activeDevices, decodeEntry, draftEntry, emptyAccountState, emptyHead, encodeEntry, EvegramError, headOf, sealEntry, verifyLog,
  type AccountId, type AccountState, type LogProof, type SealedEntry, type WalletId,
} from '@evegram/protocol'
import type { AuthLie } from './auth-lie.js'
import type { ShownLog } from './shown-log.js'
import type { WalletEntryProof } from './liar-keys.js'
import type { ActiveLie, LieTools } from './lie.js'

/** A liar need not check what it knows to be true: all signatures are good, and no entry is from the future. */
const CREDULOUS = { primitives: { ed25519Verify: () => true, secp256k1Verify: () => true }, nowMs: 2 ** 48 - 1, mode: 'peer' } as const

/** Wallet proofs in a log, oldest first. */
function walletProofs(log: ShownLog): WalletEntryProof[] {
  return log.entries.flatMap((bytes) => decodeEntry(bytes).proofs.filter((proof): proof is WalletEntryProof => proof.type === 'wallet'))
}

/** The first `count` entries of a log. */
function truncated(log: ShownLog, count: number): ShownLog {
  const entries = log.entries.slice(0, count)
  const last = entries.at(-1)
  return { account: log.account, entries, seq: entries.length, head: last === undefined ? emptyHead() : headOf(last) }
}

/** A log with one more entry. */
function extended(log: ShownLog, { bytes, head }: SealedEntry): ShownLog {
  return { ...log, entries: [...log.entries, bytes], seq: log.seq + 1, head }
}

/** Shows one account, the first one that comes up (`isTarget`), by a forged log, made anew only when the true one moved on. */
function showing(
  tools: LieTools, what: string, isTarget: (device: string, account: AccountId) => boolean,
  forge: (log: ShownLog, device: string) => Promise<ShownLog | undefined>,
): ActiveLie {
  let target: AccountId | undefined
  let shown: { readonly trueSeq: number; readonly log: ShownLog | undefined } | undefined
  const logOf = async (device: string, account: AccountId, log: ShownLog | undefined): Promise<ShownLog | undefined> => {
    if (log === undefined) return undefined
    if (target === undefined && isTarget(device, account)) target = account
    if (account !== target) return undefined
    if (shown?.trueSeq !== log.seq) shown = { trueSeq: log.seq, log: await forge(log, device) }
    if (shown.log !== undefined) tools.changed(`${what} of ${account.slice(0, 8)}`)
    return shown.log
  }
  return { log: logOf, wallet: headsOf(logOf) }
}

/** The directory tells of the same log that is shown. */
function headsOf(logOf: NonNullable<AuthLie['log']>): NonNullable<AuthLie['wallet']> {
  return async (device, _wallet, known) => {
    const log = known === undefined ? undefined : await logOf(device, known.account, known)
    return log === undefined ? 'pass' : { account: log.account, seq: log.seq, head: log.head }
  }
}

function stateOf(tools: LieTools, log: ShownLog): AccountState {
  const verified = verifyLog(log.entries, { ...tools.server, ...CREDULOUS }, emptyAccountState(log.account))
  if (verified.status === 'refused') throw new EvegramError('internal', { operation: 'read a true log', details: { reason: verified.reason } })
  return verified.state
}

const anyAccount = (): boolean => true

/** An entry that adds a device of the liar to the log of somebody else. */
export function ghostDevice(tools: LieTools): ActiveLie {
  const variant = tools.random.pick(['own wallet', 'own wallet in another name', 'old proof', 'old proof rewritten', 'no wallet'] as const)
  return showing(tools, `ghost device (${variant})`, anyAccount, async (log) => {
    const { keys } = tools
    const state = stateOf(tools, log)
    const [, ghost] = await keys.devices()
    const old = tools.random.pick(walletProofs(log))
    const forged = async (): Promise<LogProof | undefined> => {
      switch (variant) {
        case 'own wallet': return keys.proof(state, 'add-device', ghost.device)
        case 'own wallet in another name': {
          const { proof } = await keys.proof(state, 'add-device', ghost.device)
          return { type: 'wallet', proof: { ...proof, walletId: state.foundingWallet ?? proof.walletId } }
        }
        case 'old proof': return old
        case 'old proof rewritten': return { type: 'wallet', proof: { ...old.proof, device: ghost.device, logSeq: state.seq, logHead: state.head } }
        case 'no wallet': return undefined
        default: return variant satisfies never
      }
    }
    return extended(log, await keys.addition(state, ghost, await forged()))
  })
}

/** An entry that links the liar's wallet to the account of somebody else: its own proof is good, the other is not. */
export function ghostLink(tools: LieTools): ActiveLie {
  const variant = tools.random.pick(['old proof', 'own proof in another name', 'one proof'] as const)
  return showing(tools, `ghost link (${variant})`, anyAccount, async (log) => {
    const { keys } = tools
    const state = stateOf(tools, log)
    const [device] = activeDevices(state)
    const { foundingWallet } = state
    if (device === undefined || foundingWallet === undefined) return undefined
    const { walletId } = keys.wallet
    const linked = await keys.proof(state, 'link-wallet', device, foundingWallet)
    const founding = async (): Promise<LogProof[]> => {
      switch (variant) {
        case 'old proof': return [tools.random.pick(walletProofs(log))]
        case 'own proof in another name': {
          const { proof } = await keys.proof(state, 'link-wallet', device, walletId)
          return [{ type: 'wallet', proof: { ...proof, walletId: foundingWallet } }]
        }
        case 'one proof': return []
        default: return variant satisfies never
      }
    }
    const draft = draftEntry(state, 'wallet.link', { wallet: walletId }, tools.nowMs())
    return extended(log, sealEntry(draft, [...await founding(), linked]))
  })
}

/** Fewer entries than the device was shown before: without the last, without a revocation, or none. */
export function rolledBackLog(tools: LieTools): ActiveLie {
  const isEmpty = tools.random.chance(0.2)
  return showing(tools, 'rolled back log', (device, account) => tools.shownSeq(device, account) > (isEmpty ? 0 : 1), (log, device) => {
    const shownSeq = tools.shownSeq(device, log.account)
    const revoked = log.entries.slice(0, shownSeq).findLastIndex((bytes) => decodeEntry(bytes).kind === 'device.revoke')
    return Promise.resolve(truncated(log, isEmpty ? 0 : revoked > 0 ? revoked : Math.max(1, shownSeq - 1)))
  })
}

/**
 * Another history that verifies: the time in the last entry is under no signature, so a server can change it and so the head. It is accepted by
 * whoever has not seen the true one, and found by the heads in payloads.
 */
export function forkedLog(tools: LieTools): ActiveLie {
  const laterMs = tools.random.between(1, 1_000)
  return showing(tools, 'forked log', anyAccount, (log, device) => {
    const last = log.entries.at(-1)
    if (last === undefined) return Promise.resolve(undefined)
    const entry = decodeEntry(last)
    const bytes = encodeEntry({ ...entry, atMs: entry.atMs + laterMs })
    if (tools.shownSeq(device, log.account) < log.seq) tools.pinned(device, log.account)
    return Promise.resolve({ ...log, entries: [...log.entries.slice(0, -1), bytes], head: headOf(bytes) })
  })
}

/** Keeps the news of an account from a device: the old state as if it were the newest, a new head without entries, or no answer. */
export function withheldLog(tools: LieTools): ActiveLie {
  const variant = tools.random.pick(['old state', 'head alone', 'no answer'] as const)
  const frozen = new Map<AccountId, ShownLog>()
  const logOf = async (_device: string, account: AccountId, log: ShownLog | undefined): Promise<ShownLog | undefined> => {
    if (log === undefined) return undefined
    const before = frozen.get(account)
    if (before === undefined) frozen.set(account, log)
    if (before === undefined || before.seq === log.seq) return undefined
    tools.changed(`withheld log (${variant}) of ${account.slice(0, 8)}`)
    switch (variant) {
      case 'old state': return before
      case 'head alone': return { ...before, seq: log.seq, head: log.head }
      case 'no answer': throw new EvegramError('unavailable.auth', { operation: 'fetch account log' })
      default: return variant satisfies never
    }
  }
  return { log: logOf, wallet: headsOf(logOf) }
}

/** Leads an address to an account that it does not belong to: the liar's, the liar's with a forged link, somebody's, or to nobody. */
export function addressElsewhere(tools: LieTools): ActiveLie {
  const variant = tools.random.pick(['own account', 'own account with a forged link', 'another account', 'nobody'] as const)
  let other: ShownLog | undefined
  let forged: ShownLog | undefined
  const own = async (wallet: WalletId): Promise<ShownLog> => {
    const log = await tools.keys.account()
    if (variant === 'own account') return log
    const state = stateOf(tools, log)
    const [keys] = await tools.keys.devices()
    const founding = await tools.keys.proof(state, 'link-wallet', keys.device, wallet)
    const linked = await tools.keys.proof(state, 'link-wallet', keys.device, state.foundingWallet)
    const draft = draftEntry(state, 'wallet.link', { wallet }, tools.nowMs())
    return extended(log, sealEntry(draft, [founding, { type: 'wallet', proof: { ...linked.proof, walletId: wallet } }]))
  }
  return {
    log: (_device, account) => Promise.resolve(forged?.account === account ? forged : undefined),
    async wallet(_device, wallet, claimed) {
      if (variant === 'nobody') {
        tools.changed('an address of nobody')
        return undefined
      }
      if (variant === 'another account') {
        const before = other
        other ??= claimed
        if (before === undefined || before.account === claimed?.account) return 'pass'
        tools.changed(`${before.account.slice(0, 8)} in place of another`)
        return { account: before.account, seq: before.seq, head: before.head }
      }
      forged = await own(wallet)
      tools.changed(`${variant} behind an address`)
      return { account: forged.account, seq: forged.seq, head: forged.head }
    },
  }
}
