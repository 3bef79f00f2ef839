/** What the process that serves a peer tells the one that started it. */
export type FromPeer =
  /** It takes clients at `address`. `pids`: the processes that are the peer, without those that they started; absent when it is this process. */
  | { readonly kind: 'listening'; readonly address: string; readonly pids?: readonly number[] }
  | { readonly kind: 'eventLoop'; readonly delayP99Ms: number }
  /** Something takes long: for the person who waits. */
  | { readonly kind: 'says'; readonly line: string }
  /** It cannot be started, with what to do about it. */
  | { readonly kind: 'failed'; readonly reason: string }
