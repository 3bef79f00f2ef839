import {
  draftEntry, entryHash, EvegramError, sealEntry,
  type AccountState, type DeviceId, type LogBodies, type LogDraft, type LogKind, type LogProof, type WalletId,
} from '@evegram/protocol'
import type { Purpose } from '@evegram/protocol/proof'
import type { AccountVerifier } from '../account/account-verifier.js'
import type { AuthApi } from '../api/auth-api.js'
import type { DiscoveredServer } from '../api/discovered-server.js'
import { signWithSigning, type DeviceKeys } from '../crypto/device-keys.js'
import type { Wallet } from '../wallets/wallet.js'
import { APPEND_ATTEMPTS_MAX, mayHaveMoved } from './login.js'

/** What changes of the own account work on. */
export interface AccountChangePorts {
  readonly server: DiscoveredServer
  readonly auth: AuthApi
  readonly accounts: AccountVerifier
  readonly keys: DeviceKeys
  readonly account: AccountState['account']
  /** Server time in ms since 1970. */
  nowMs(): number
}

type Change = { readonly [Kind in LogKind]: { readonly kind: Kind; readonly body: LogBodies[Kind] } }[LogKind]

/** How one change is made. */
interface Making {
  readonly prove: (state: AccountState, draft: LogDraft) => Promise<readonly LogProof[]>
  /** Whether `state` has it already. */
  readonly isMade: (state: AccountState) => boolean
}

/**
 * Appends one entry to the own log; tries again when the log moved on meanwhile, unless that was by this very entry. Returns the verified
 * state behind it.
 */
async function append(ports: AccountChangePorts, change: Change, { prove, isMade }: Making): Promise<AccountState> {
  for (let attempt = 1; ; attempt++) {
    const { state } = await ports.accounts.refresh(ports.account)
    if (attempt > 1 && isMade(state)) return state
    const draft = draftEntry(state, change.kind, change.body, ports.nowMs())
    const sealed = sealEntry(draft, await prove(state, draft))
    try {
      await ports.auth.appendEntry(ports.account, sealed.bytes)
      return (await ports.accounts.refresh(ports.account)).state
    } catch (error) {
      if (!mayHaveMoved(error) || attempt >= APPEND_ATTEMPTS_MAX) throw error
    }
  }
}

/** A proof of `wallet` over the state before the entry. */
async function walletProof(
  ports: AccountChangePorts, state: AccountState, wallet: Wallet, purpose: Purpose, device: DeviceId, otherWallet?: WalletId,
): Promise<LogProof> {
  const { nonce, issuedAtMs, expirationTimeMs } = await ports.auth.challenge(purpose, device)
  const { domain, origin } = ports.server
  const proof = await wallet.signProof({
    domain, origin, purpose, account: ports.account, logSeq: state.seq, logHead: state.head, device, nonce, issuedAtMs, expirationTimeMs,
    ...(otherWallet === undefined ? {} : { otherWallet }),
  })
  return { type: 'wallet', proof }
}

/** Revokes a device: the own one by its key, any by an active wallet. Rejects with `account.device_unknown`, `invalid.argument` without a needed wallet. */
export function revokeDevice(ports: AccountChangePorts, device: DeviceId, wallet: Wallet | undefined): Promise<AccountState> {
  if (wallet === undefined && device !== ports.keys.device) {
    throw new EvegramError('invalid.argument', { operation: 'revoke device', advice: 'Revoking another device needs a wallet of the account.' })
  }
  return append(ports, { kind: 'device.revoke', body: { device } }, {
    prove: async (state, draft) => {
      if (state.devices.get(device)?.active !== true) throw new EvegramError('account.device_unknown', { operation: 'revoke device' })
      if (wallet !== undefined) return [await walletProof(ports, state, wallet, 'revoke-device', device)]
      return [{ type: 'signing-key', device, signature: signWithSigning(ports.keys, entryHash(draft)) }]
    },
    isMade: (state) => state.devices.get(device)?.active === false,
  })
}

/** Links a wallet: the founding wallet and the new one each name the other. */
export function linkWallet(ports: AccountChangePorts, founding: Wallet, added: Wallet): Promise<AccountState> {
  const { device } = ports.keys
  return append(ports, { kind: 'wallet.link', body: { wallet: added.walletId } }, {
    prove: async (state) => [
      await walletProof(ports, state, founding, 'link-wallet', device, added.walletId),
      await walletProof(ports, state, added, 'link-wallet', device, founding.walletId),
    ],
    isMade: (state) => state.wallets.get(added.walletId)?.active === true,
  })
}

/** Unlinks a wallet: by itself or by the founding one. */
export function unlinkWallet(ports: AccountChangePorts, removed: WalletId, wallet: Wallet): Promise<AccountState> {
  return append(ports, { kind: 'wallet.unlink', body: { wallet: removed } }, {
    prove: async (state) => [await walletProof(ports, state, wallet, 'unlink-wallet', ports.keys.device, removed)],
    isMade: (state) => state.wallets.get(removed)?.active === false,
  })
}
