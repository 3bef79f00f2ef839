import type { AccountId, Clock, DeviceId, Random } from '@evegram/protocol'
import type { ProofPrimitives } from '@evegram/protocol/proof'
import type { AccountVerifier } from '../account/account-verifier.js'
import type { AuthApi, TokenSource } from '../api/auth-api.js'
import type { DeviceKeys } from '../crypto/device-keys.js'
import type { GroupCiphers } from '../crypto/group-cipher.js'
import type { SessionCiphers } from '../crypto/session-cipher.js'
import type { Signal } from '../crypto/signal.js'
import type { EventHub } from '../events.js'
import type { LocalStore } from '../store/local-store.js'
import type { Registers } from '../state/registers.js'
import type { Connection } from '../transport/connection.js'
import type { LocalState } from './local-state.js'
import type { MessageRequests } from './message-requests.js'
import type { OnceLog } from './once.js'
import type { Privacy } from './privacy.js'
import type { ReceiptBook } from './receipt-book.js'
import type { Roster } from './roster.js'
import type { ServerClock } from '../api/server-clock.js'
import type { Background } from './background.js'

/** Everything that the parts of one signed-in profile share. Made once, in client-core.ts. */
export interface Core {
  readonly account: AccountId
  readonly device: DeviceId
  /** Of the own founding wallet. */
  readonly address: string
  readonly keys: DeviceKeys
  readonly store: LocalStore
  readonly clock: Clock
  readonly random: Random
  /** Server time as far as known. */
  readonly time: ServerClock
  readonly signal: Signal
  /** Keys that the server's notices are signed with; none where nobody writes any. */
  readonly noticeKeys: readonly Uint8Array[]
  /** Arithmetic that verifies signatures of others. */
  readonly primitives: ProofPrimitives
  readonly ciphers: SessionCiphers
  readonly groupCiphers: GroupCiphers
  readonly roster: Roster
  readonly accounts: AccountVerifier
  readonly auth: AuthApi
  readonly tokens: TokenSource
  readonly events: EventHub
  /** All writes. `store` is its view. */
  readonly local: LocalState
  /** The state of the account: contacts, settings, drafts, read markers. Written inside transactions of `local`. */
  readonly state: Registers
  /** What was said under a name, for callers that may lose an answer. */
  readonly once: OnceLog
  readonly background: Background
  /** Who may write here. */
  readonly requests: MessageRequests
  /** What others are to be told of what came here and was read. */
  readonly receipts: ReceiptBook
  /** What the user tells others at all. */
  readonly privacy: Privacy
  /** The open connection, if there is one. */
  connection(): Connection | undefined
}
