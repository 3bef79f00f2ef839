import type { AccountId } from '@evegram/protocol'

/** Whether a contact is there, as this device knows. A hint: the server passes it on, and could make it up. */
export interface Presence {
  readonly account: AccountId
  /** `unknown`: nothing was heard, or nothing may be asked. */
  readonly status: 'online' | 'away' | 'unknown'
  /** When they were there last, as this device saw it, in ms since 1970. */
  readonly lastSeenAtMs?: number
}
