import type { AccountId, ConversationId } from '@evegram/protocol'
import type { LocalState } from '../core/local-state.js'
import type { MessageRequests } from '../core/message-requests.js'
import type { Registers } from '../state/registers.js'
import type { ImportCounts } from './import-counts.js'

/** What one record brought. */
export type Imported = keyof ImportCounts | undefined

/** What importing works on. */
export interface ImportPorts {
  readonly local: LocalState
  readonly account: AccountId
  readonly state: Pick<Registers, 'mergeBytes' | 'tellAgain'>
  readonly requests: Pick<MessageRequests, 'restore' | 'restored'>
  /** Milliseconds since 1970, server time. */
  readonly now: () => number
  /** How many more channels may be followed. */
  readonly channelRoom: () => number
  /** A channel was added: it is followed from now on. */
  readonly channelAdded: (channel: ConversationId) => void
}
