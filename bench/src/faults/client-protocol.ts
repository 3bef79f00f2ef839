/** One device that a host process runs. */
export interface DeviceSettings {
  readonly name: string
  readonly profile: string
  /** 32-byte seed of the account's wallet, base64url. */
  readonly seed: string
  readonly chain: 'solana' | 'ton' | 'terra'
  /** Messages that it sends at least. */
  readonly messages: number
}

/** Settings of a host process, as its one argument (JSON). */
export interface HostSettings {
  readonly url: string
  /** Time between two messages of one device at first, in ms; `pace` changes it. */
  readonly paceMs: number
}

/** What the coordinator tells a host process. */
export type ToHost =
  | { readonly kind: 'open'; readonly device: DeviceSettings }
  | { readonly kind: 'send'; readonly peers: Readonly<Record<string, string>> }
  /** Another time between two messages of one device while faults go on, in ms. */
  | { readonly kind: 'pace'; readonly paceMs: number }
  /** The faults are over: what is left goes without a pace, and nobody sends more than its messages. */
  | { readonly kind: 'finish' }
  | { readonly kind: 'report' }
  | { readonly kind: 'stop' }

/** What a host process tells the coordinator. */
export type FromHost =
  | { readonly kind: 'opened'; readonly name: string; readonly address: string }
  /**
   * `settled`: every device has sent some and waits for few. `slowestMs`: longest time to an ack or to being shown since the last one, of what was sent at
   * this pace, what still waits included.
   */
  | { readonly kind: 'progress'; readonly acked: number; readonly settled: boolean; readonly slowestMs: number; readonly finished: boolean }
  | { readonly kind: 'report'; readonly devices: readonly DeviceReport[] }
  | { readonly kind: 'failed'; readonly message: string }

/** What one device did and saw. All times in ms of the machine's monotonic clock, which all processes share. */
export interface DeviceReport {
  readonly name: string
  /** Own messages: number, when it was given to the client, when it was acknowledged. */
  readonly acks: readonly (readonly [number: number, sentMs: number, ackedMs: number])[]
  /** Messages of others: text, when it was shown. */
  readonly shown: readonly (readonly [text: string, shownMs: number])[]
  /** When a connection was opened, the first one included. */
  readonly connects: readonly number[]
  /** Texts by address of the peer, from top to bottom. */
  readonly conversations: readonly { readonly peerAddress: string; readonly texts: readonly string[] }[]
  readonly counters: Readonly<Record<string, number>>
}
