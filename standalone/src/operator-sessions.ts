import { createHash } from 'node:crypto'
import type { Clock, Random } from '@evegram/protocol'

/** How long a session lasts, in ms, whatever is done with it: who looks longer shows the token again. */
export const OPERATOR_SESSION_MS = 3_600_000
/** Sessions at once; one more ends the oldest. */
export const OPERATOR_SESSIONS_MAX = 16
/** Bytes of what a browser shows to prove its session: nobody guesses it. */
const SECRET_BYTES = 32

/** A browser in which an operator signed in: it sees the page and can do nothing else. */
export interface OperatorSession {
  /** Whose token was shown. */
  readonly person: string
  /** When it ends, by the wall clock, for people. */
  readonly untilMs: number
}

interface Kept extends OperatorSession {
  readonly endsMonotonicMs: number
}

/** Sessions of operators' browsers, in memory alone: a restart ends all of them. What is kept is a hash of each secret. */
export class OperatorSessions {
  readonly #clock: Clock
  readonly #random: Random
  /** By the hash of the secret, the oldest first. */
  readonly #sessions = new Map<string, Kept>()

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock
    this.#random = random
  }

  /** Begins a session of `person`; returns its secret, which is written down nowhere here. */
  open(person: string): string {
    const secret = Buffer.from(this.#random.bytes(SECRET_BYTES)).toString('base64url')
    const [oldest] = this.#sessions.keys()
    if (oldest !== undefined && this.#sessions.size >= OPERATOR_SESSIONS_MAX) this.#sessions.delete(oldest)
    this.#sessions.set(keyOf(secret), {
      person, untilMs: this.#clock.now() + OPERATOR_SESSION_MS, endsMonotonicMs: this.#clock.monotonicMs() + OPERATOR_SESSION_MS,
    })
    return secret
  }

  /** The session of a secret; undefined when there is none or it is over. */
  find(secret: string): OperatorSession | undefined {
    // Looked up by a hash: how long it takes tells nothing of the secrets that there are.
    const key = keyOf(secret)
    const found = this.#sessions.get(key)
    if (found === undefined || this.#clock.monotonicMs() < found.endsMonotonicMs) return found
    this.#sessions.delete(key)
    return undefined
  }

  /** Ends the session of a secret, if there is one. */
  end(secret: string): void {
    this.#sessions.delete(keyOf(secret))
  }
}

function keyOf(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('base64url')
}
