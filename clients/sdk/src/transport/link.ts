import type { EvegramError } from '@evegram/protocol'
import type { Connection, ConnectionConsumer } from './connection.js'

/** Where a link stands. */
export type LinkState =
  | { readonly status: 'connecting'; readonly attempt: number }
  | { readonly status: 'open'; readonly connection: Connection }
  /** Waits before the next attempt. */
  | { readonly status: 'waiting'; readonly attempt: number; readonly delayMs: number; readonly error: EvegramError }
  /** Ended for good: by `close` (`client.closed`), or because the server's answer says that trying again is useless. */
  | { readonly status: 'stopped'; readonly error: EvegramError }

/** Hints of the platform that a connection may be worth trying or checking now: `online` and `visibilitychange` in browsers. */
export interface NetworkHints {
  /** Calls `listener` at each hint until the returned function is called. */
  subscribe(listener: () => void): () => void
}

/** What a {@link Link} needs. */
export interface LinkEvents {
  /** Called for each new connection before its events; it starts the catch-up. A rejection ends that connection. */
  onOpen(connection: Connection): Promise<void>
  readonly consume: ConnectionConsumer
  /** Every change of state, in order. Must not throw. */
  onState(state: LinkState): void
}

/** Keeps one connection open: reconnects with full jitter until it is closed or told to stop. */
export interface Link {
  readonly state: LinkState
  /** The open connection, if there is one. */
  readonly connection: Connection | undefined
  /** Tries or checks at once instead of waiting: a hint of the platform or of the user. */
  wake(): void
  /** Ends the link and its connection. Resolves when the consumer of the last connection is done. */
  close(): Promise<void>
}
