import { sortable } from '../core/sortable.js'
import type { LocalState } from '../core/local-state.js'
import type { LocalStore } from '../store/local-store.js'
import { sealBlob, type SealedBlob } from '../files/seal-blob.js'

/** What is sealed here, each with chunks of its own: a backup, or the history that another own device is given. */
export type Spool = 'spool' | 'given'

/** Key of a chunk in table `history`. */
export const spoolKey = (spool: Spool, id: string, index: number): string => `${spool}/${id}/${sortable(index, 8)}`
/** Chunks that one step forgets. */
const FORGET_ROWS = 256

/**
 * Seals `content` into rows of the local store, one for each chunk: what a key sealed is sealed once, and can be sent again after a restart. `id` names
 * it. Resolves with what opens it.
 */
export async function spoolSealed(local: LocalState, spool: Spool, id: string, content: AsyncIterable<Uint8Array>, key: Uint8Array, signal?: AbortSignal): Promise<SealedBlob> {
  const sealing = sealBlob(content, { key })
  for (let index = 0; ; index++) {
    signal?.throwIfAborted()
    const next = await sealing.next()
    if (next.done === true) return next.value
    const { value } = next
    await local.write((tx) => {
      tx.put('history', spoolKey(spool, id, index), value)
      return Promise.resolve()
    })
  }
}

/** The sealed chunks of `id`, in order, from the one with `first` on. */
export async function* readSpool(store: Pick<LocalStore, 'get'>, spool: Spool, id: string, first = 0): AsyncGenerator<Uint8Array> {
  for (let index = first; ; index++) {
    const chunk = await store.get('history', spoolKey(spool, id, index))
    if (chunk === undefined) return
    yield chunk
  }
}

/** Forgets what was sealed under `id`; without one, everything that was in this spool. */
export async function dropSpool(local: LocalState, spool: Spool, id: string | undefined): Promise<void> {
  const prefix = id === undefined ? `${spool}/` : `${spool}/${id}/`
  let from = prefix
  for (let more = true; more;) {
    more = await local.write(async (tx) => {
      const rows = await local.store.list('history', { from, to: `${prefix}~`, limit: FORGET_ROWS })
      for (const { key } of rows) {
        tx.remove('history', key)
        from = `${key} `
      }
      return rows.length === FORGET_ROWS
    })
  }
}
