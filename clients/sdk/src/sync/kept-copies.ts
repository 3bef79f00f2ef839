import { CborFields, decodeCbor } from '@evegram/protocol'
import type { Core } from '../core/context.js'
import { HEARD_PREFIX } from './heard-record.js'
import { OUTBOX_LIMITS } from './outbox.js'
import { decodeOutbox } from './outbox-row.js'
import { SENT_KEPT_MS, SENT_PREFIX, sentKey } from './sent-record.js'

/** Copies of messages that are kept for sending them again. */
const PREFIXES = [SENT_PREFIX, HEARD_PREFIX] as const
/** From the end of one look through all copies to the begin of the next. */
const LOOK_INTERVAL_MS = 3_600_000
/** Copies that one step looks at. */
const ROWS_PER_STEP = 64

/**
 * Removes copies of messages that are too old to be sent again, in conversations where nothing is said any more, too: elsewhere those of before go with what is new.
 * What waits for the server stays.
 */
export class KeptCopies {
  readonly #core: Core
  #nextAtMs = -Infinity
  #place: { readonly prefix: number; readonly from: string } | undefined

  constructor(core: Core) {
    this.#core = core
  }

  /** Looks at some more of them, or at none until it is time again. Rejects `client.store`. */
  async step(): Promise<void> {
    const { clock, store } = this.#core
    if (this.#place === undefined && clock.monotonicMs() < this.#nextAtMs) return
    const { prefix, from } = this.#place ?? { prefix: 0, from: PREFIXES[0] }
    const start = PREFIXES[prefix]
    if (start === undefined) {
      this.#place = undefined
      this.#nextAtMs = clock.monotonicMs() + LOOK_INTERVAL_MS
      return
    }
    const rows = await store.list('healing', { from, to: `${start}~`, limit: ROWS_PER_STEP })
    const old = rows.filter(({ value }) => this.#isOld(value)).map(({ key }) => key)
    if (old.length > 0) await this.#remove(old)
    const last = rows.at(-1)
    this.#place = rows.length < ROWS_PER_STEP || last === undefined ? { prefix: prefix + 1, from: PREFIXES[prefix + 1] ?? '' } : { prefix, from: `${last.key} ` }
  }

  #isOld(row: Uint8Array): boolean {
    return this.#core.time.now() - new CborFields(decodeCbor(row, 1_048_576), 'client.store').uint('atMs') > SENT_KEPT_MS
  }

  async #remove(keys: readonly string[]): Promise<void> {
    const { local, store } = this.#core
    await local.write(async (tx) => {
      const waiting = (await store.list('outbox', { limit: OUTBOX_LIMITS.rowsMax * 2 })).map(({ value }) => decodeOutbox(value)).filter(({ kind }) => kind !== 'control')
      const owed = new Set(waiting.map(({ conversation, number }) => sentKey(conversation, number)))
      for (const key of keys) {
        const row = owed.has(key) ? undefined : await tx.get('healing', key)
        if (row !== undefined && this.#isOld(row)) tx.remove('healing', key)
      }
    })
  }
}
