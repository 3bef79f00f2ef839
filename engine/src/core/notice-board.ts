import {
  decodeAccountNotice, encodeEnvelope, EvegramError, isNoticeSigned, noticeEnvelope, viewEnvelope, type Failure, type Notice, type Position,
} from '@evegram/protocol'
import type { Ed25519Verify } from './hello.js'
import type { PendingSend, SendOrigin } from './pending-send.js'
import type { SendPath } from './send.js'

/** Notices that are neither stored nor refused: one more is refused with `limited.queue`. */
const NOTICES_IN_FLIGHT_MAX = 256

/** What a {@link NoticeBoard} needs. */
export interface NoticeBoardParts {
  readonly sendPath: Pick<SendPath, 'acceptNotice'>
  /** Public keys of those who write, Ed25519. */
  readonly keys: readonly Uint8Array[]
  readonly ed25519Verify: Ed25519Verify
  /** Whether the node takes new work. */
  readonly accepting: () => boolean
}

/**
 * Takes what services of this server tell accounts onto the path of every message: positioned, marked, stored, routed, and acknowledged when it is durable.
 * Architecture invariant: nothing is stored here that no notice key signed, whoever brings it.
 */
export class NoticeBoard {
  readonly #parts: NoticeBoardParts
  #inFlight = 0

  constructor(parts: NoticeBoardParts) {
    this.#parts = parts
  }

  /** See `Engine.appendNotice`. */
  async append(bytes: Uint8Array): Promise<void> {
    const { sendPath, keys, ed25519Verify, accepting } = this.#parts
    if (!isNoticeSigned(decodeAccountNotice(bytes), keys, ed25519Verify)) throw new EvegramError('denied.notices', { operation: 'append notice' })
    if (!accepting()) throw new EvegramError('unavailable.draining', { operation: 'append notice' })
    if (this.#inFlight >= NOTICES_IN_FLIGHT_MAX) throw new EvegramError('limited.queue', { operation: 'append notice' })
    this.#inFlight++
    try {
      await new Promise<void>((resolve, reject) => {
        sendPath.acceptNotice(new NoticeOrigin(resolve, reject), viewEnvelope(encodeEnvelope(noticeEnvelope(bytes))))
      })
    } finally {
      this.#inFlight--
    }
  }
}

/** Waits for what becomes of one notice: no notice waits for another. */
class NoticeOrigin implements SendOrigin {
  sendsInFlight = 0
  appending = 0
  waitingSends: PendingSend[] | undefined = undefined
  readonly out: SendOrigin['out']
  readonly #reject: (failure: EvegramError) => void

  constructor(resolve: () => void, reject: (failure: EvegramError) => void) {
    this.out = { ack: (_correlation: number, _position: Position) => { resolve() } }
    this.#reject = reject
  }

  fail(_correlation: number, { code }: Failure): void {
    this.#reject(new EvegramError(code, { operation: 'append notice' }))
  }

  /** A notice names no versions that could be old. */
  notify(_notice: Notice): void {}
}
