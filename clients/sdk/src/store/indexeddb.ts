import { EvegramError, isEvegramError } from '@evegram/protocol'
import { systemClock } from '../system.js'
import { checkChanges } from './check-changes.js'
import { BLOCKED_MS_MAX, OBJECT_STORES, openDatabase, storeFailure } from './indexeddb-schema.js'
import type { LocalStore, StoreChange, StoreRange, StoreTable } from './local-store.js'
import { SealedStore } from './sealed-store.js'
import { createRowKey, SEALED_OVERHEAD_BYTES, WebRowSealer } from './row-sealer.js'

const OWNER_TOKEN = 'token'
const ROW_KEY = 'rows'

type Row = { readonly key: string; readonly value: Uint8Array }

/** Choices of {@link openIndexedDbStore}. */
export interface IndexedDbOptions {
  readonly factory?: IDBFactory
  /** Hears once that this store may write no more: another opening took over, or the browser took the database away. */
  readonly onLost?: (error: EvegramError) => void
}

/** Name of the database of a profile. */
export function databaseNameOf(profile: string): string {
  return `evegram/${profile}`
}

/**
 * Opens (or makes) the profile `profile` of this origin in IndexedDB. Commits are strict: written through to disk before they resolve. Whoever opens a profile
 * takes it from whoever had it: an older opening cannot write any more (`client.store`, reason `taken`), whatever it had begun. Values are sealed by a
 * key that cannot be exported (docs/browser.md says what that is worth); names of rows are not. Rejects with `incompatible.schema` when a newer version
 * wrote it, with `client.store` where there is no storage.
 */
export async function openIndexedDbStore(profile: string, options: IndexedDbOptions = {}): Promise<LocalStore> {
  const { store, database } = await openUnsealedStore(profile, options)
  try {
    return new SealedStore(store, new WebRowSealer(await rowKeyOf(database)))
  } catch (cause) {
    database.close()
    throw isEvegramError(cause) ? cause : storeFailure('open store', cause)
  }
}

/** The store underneath, which keeps values as it gets them, and its database. For {@link openIndexedDbStore} and for measuring it. */
export async function openUnsealedStore(profile: string, { factory, onLost }: IndexedDbOptions = {}): Promise<{ readonly store: LocalStore; readonly database: IDBDatabase }> {
  // A global of windows and workers, of nobody else.
  const database = await openDatabase(factory ?? globalThis.indexedDB, databaseNameOf(profile), systemClock)
  try {
    return { store: new IndexedDbStore(database, await takeOwnership(database), onLost), database }
  } catch (cause) {
    database.close()
    throw storeFailure('open store', cause)
  }
}

/** Removes a profile and everything in it. Rejects `client.store` while somebody keeps it open. */
export function deleteIndexedDbStore(profile: string, factory: IDBFactory = globalThis.indexedDB): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = factory.deleteDatabase(databaseNameOf(profile))
    let waiting: { cancel(): void } | undefined
    request.onsuccess = () => {
      waiting?.cancel()
      resolve()
    }
    request.onerror = () => {
      waiting?.cancel()
      reject(storeFailure('delete store', request.error))
    }
    // Told too while another opening is on its way out.
    request.onblocked = () => {
      waiting = systemClock.after(BLOCKED_MS_MAX, () => {
        reject(new EvegramError('client.store', { operation: 'delete store', advice: 'Close the other tabs of this page first.', details: { reason: 'blocked' } }))
      })
    }
  })
}

/** A {@link LocalStore} on IndexedDB, without sealing. */
class IndexedDbStore implements LocalStore {
  readonly #database: IDBDatabase
  readonly #token: number
  readonly #onLost: ((error: EvegramError) => void) | undefined
  readonly #running = new Set<Promise<unknown>>()
  #lost: EvegramError | undefined
  #closed = false

  constructor(database: IDBDatabase, token: number, onLost: ((error: EvegramError) => void) | undefined) {
    this.#database = database
    this.#token = token
    this.#onLost = onLost
    // A newer version of the page wants to change the database, or somebody removes the profile: neither waits for this tab.
    database.onversionchange = () => {
      database.close()
      this.#lose(new EvegramError('client.store', { operation: 'keep store', advice: 'Another tab upgraded or removed this profile: load the page again.', details: { reason: 'version_change' } }))
    }
    database.onclose = () => {
      this.#lose(new EvegramError('client.store', { operation: 'keep store', advice: 'The browser removed the data of this site: load the page again.', details: { reason: 'removed' } }))
    }
  }

  get(table: StoreTable, key: string): Promise<Uint8Array | undefined> {
    return this.#read('read row', async (rows) => bytesOf(await settled(rows.get(`${table} ${key}`))))
  }

  list(table: StoreTable, range: StoreRange): Promise<readonly Row[]> {
    return this.#read('list rows', async (rows) => {
      // The space is below every character of a key, and `!` is the character behind it.
      const from = `${table} ${range.from ?? ''}`
      const to = range.to === undefined ? `${table}!` : `${table} ${range.to}`
      if (from >= to || range.limit <= 0) return []
      const bounds = IDBKeyRange.bound(from, to, false, true)
      const found = range.reverse === true ? await backwards(rows, bounds, range.limit) : await forwards(rows, bounds, range.limit)
      return found.map(([key, value]) => ({ key: key.slice(table.length + 1), value: bytesOf(value) ?? new Uint8Array(0) }))
    })
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    this.#check('commit')
    checkChanges(changes, SEALED_OVERHEAD_BYTES)
    // Made before anything is waited for: transactions run in the order in which they were made.
    const transaction = this.#begin('commit', 'readwrite')
    const rows = transaction.objectStore(OBJECT_STORES.rows)
    const copied = changes.map(({ table, key, value }) => ({ key: `${table} ${key}`, value: value?.slice() }))
    const owner = transaction.objectStore(OBJECT_STORES.owner).get(OWNER_TOKEN)
    let isTaken = false
    owner.onsuccess = () => {
      isTaken = owner.result !== this.#token
      if (isTaken) {
        transaction.abort()
        return
      }
      for (const { key, value } of copied) {
        if (value === undefined) rows.delete(key)
        else rows.put(value, key)
      }
    }
    try {
      await this.#track(completed(transaction))
    } catch (cause) {
      if (!isTaken) throw storeFailure('commit', cause)
      this.#lose(new EvegramError('client.store', { operation: 'commit', advice: 'Another tab took this profile over.', details: { reason: 'taken' } }))
      throw this.#lost ?? storeFailure('commit', cause)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.allSettled([...this.#running])
    this.#database.close()
  }

  async #read<Result>(operation: string, job: (rows: IDBObjectStore) => Promise<Result>): Promise<Result> {
    this.#check(operation)
    try {
      return await this.#track(job(this.#begin(operation, 'readonly').objectStore(OBJECT_STORES.rows)))
    } catch (cause) {
      throw isEvegramError(cause) ? cause : storeFailure(operation, cause)
    }
  }

  #begin(operation: string, mode: 'readonly' | 'readwrite'): IDBTransaction {
    try {
      return this.#database.transaction(mode === 'readonly' ? [OBJECT_STORES.rows] : [OBJECT_STORES.rows, OBJECT_STORES.owner], mode, { durability: 'strict' })
    } catch (cause) {
      throw storeFailure(operation, cause)
    }
  }

  async #track<Result>(work: Promise<Result>): Promise<Result> {
    this.#running.add(work)
    try {
      return await work
    } finally {
      this.#running.delete(work)
    }
  }

  #lose(error: EvegramError): void {
    if (this.#lost !== undefined || this.#closed) return
    this.#lost = error
    this.#onLost?.(error)
  }

  #check(operation: string): void {
    if (this.#closed) throw new EvegramError('client.store', { operation, advice: 'The store was closed.' })
    if (this.#lost !== undefined) throw this.#lost
  }
}

/** One more than the last owner had; from here on nobody else's commits take. */
async function takeOwnership(database: IDBDatabase): Promise<number> {
  const transaction = database.transaction([OBJECT_STORES.owner], 'readwrite', { durability: 'strict' })
  const owner = transaction.objectStore(OBJECT_STORES.owner)
  const done = completed(transaction)
  const last: unknown = await settled(owner.get(OWNER_TOKEN))
  const token = (typeof last === 'number' ? last : 0) + 1
  owner.put(token, OWNER_TOKEN)
  await done
  return token
}

/** The key that seals rows: the one that is there, or a new one. */
async function rowKeyOf(database: IDBDatabase): Promise<CryptoKey> {
  const fresh = await createRowKey()
  const transaction = database.transaction([OBJECT_STORES.keys, OBJECT_STORES.rows], 'readwrite', { durability: 'strict' })
  const keys = transaction.objectStore(OBJECT_STORES.keys)
  const done = completed(transaction)
  const known: unknown = await settled(keys.get(ROW_KEY))
  if (known === undefined) {
    // Rows that nobody can open any more must not be taken for an empty profile.
    const rows = await settled(transaction.objectStore(OBJECT_STORES.rows).count())
    if (rows > 0) transaction.abort()
    else keys.put(fresh, ROW_KEY)
  }
  await done
  return known === undefined ? fresh : keyOf(known)
}

function keyOf(value: unknown): CryptoKey {
  if (value instanceof CryptoKey) return value
  throw new TypeError('the profile holds no key')
}

async function forwards(rows: IDBObjectStore, bounds: IDBKeyRange, limit: number): Promise<[string, unknown][]> {
  const [keys, values] = await Promise.all([settled(rows.getAllKeys(bounds, limit)), settled<unknown[]>(rows.getAll(bounds, limit))])
  return keys.map((key, index) => [nameOf(key), values[index]])
}

function backwards(rows: IDBObjectStore, bounds: IDBKeyRange, limit: number): Promise<[string, unknown][]> {
  return new Promise((resolve, reject) => {
    const found: [string, unknown][] = []
    const request = rows.openCursor(bounds, 'prev')
    request.onerror = () => { reject(request.error ?? new TypeError('cursor failed')) }
    request.onsuccess = () => {
      const cursor = request.result
      if (cursor !== null) found.push([nameOf(cursor.key), cursor.value])
      if (cursor === null || found.length >= limit) resolve(found)
      else cursor.continue()
    }
  })
}

/** Rows have no other keys than text. */
function nameOf(key: IDBValidKey): string {
  return typeof key === 'string' ? key : ''
}

function settled<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => { resolve(request.result) }
    request.onerror = () => { reject(request.error ?? new TypeError('request failed')) }
  })
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => { resolve() }
    transaction.onabort = () => { reject(transaction.error ?? new DOMException('transaction aborted', 'AbortError')) }
  })
}

function bytesOf(value: unknown): Uint8Array | undefined {
  if (value === undefined) return undefined
  // Of another realm where a frame shares the database: told by what it is, not by whose it is.
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength))
  throw new TypeError('a row of the local store holds no bytes')
}
