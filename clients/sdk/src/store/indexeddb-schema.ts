import { EvegramError } from '@evegram/protocol'

/** Names of the object stores of a profile. */
export const OBJECT_STORES = {
  /** The rows of all tables: key `<table> <key>`, value the bytes. One tree whose order is byte order. */
  rows: 'rows',
  /** Who may write: `token`, a number that grows by one with every opening. */
  owner: 'owner',
  /** Keys of WebCrypto that cannot be exported, by name. */
  keys: 'keys',
} as const

/** How long whoever opens or removes a database waits for others to let it go. */
export const BLOCKED_MS_MAX = 5_000

/**
 * What takes a database from version N (index) to N + 1. Steps are only ever appended.
 */
const STEPS: readonly ((database: IDBDatabase) => void)[] = [
  (database) => {
    for (const name of Object.values(OBJECT_STORES)) database.createObjectStore(name)
  },
]

/** Version that this build writes. */
export const INDEXEDDB_VERSION = STEPS.length

/** The part of a clock that an opening needs. */
export interface OpeningClock {
  after(delayMs: number, task: () => void): { cancel(): void }
}

/**
 * Opens (or makes) the database `name` and brings it to {@link INDEXEDDB_VERSION}. Rejects with `incompatible.schema` (details: `supported`) when a newer
 * version wrote it, and with `client.store` where the browser keeps nothing for this page, or other tabs of an older version hold it.
 */
export function openDatabase(factory: IDBFactory | undefined, name: string, clock: OpeningClock): Promise<IDBDatabase> {
  if (factory === undefined) return Promise.reject(noStorage(undefined))
  return new Promise((resolve, reject) => {
    let request: IDBOpenDBRequest
    try {
      request = factory.open(name, INDEXEDDB_VERSION)
    } catch (cause) {
      // Opaque origins (a sandboxed frame, a file) have no storage at all.
      reject(noStorage(cause))
      return
    }
    let waiting: { cancel(): void } | undefined
    let isGivenUp = false
    request.onupgradeneeded = ({ oldVersion }) => {
      for (const step of STEPS.slice(oldVersion)) step(request.result)
    }
    request.onblocked = () => {
      waiting = clock.after(BLOCKED_MS_MAX, () => {
        isGivenUp = true
        reject(new EvegramError('client.store', { operation: 'open store', advice: 'Another tab holds this profile with an older version of the page: close it or load it again.', details: { reason: 'blocked' } }))
      })
    }
    request.onsuccess = () => {
      waiting?.cancel()
      if (isGivenUp) request.result.close()
      else resolve(request.result)
    }
    request.onerror = () => {
      waiting?.cancel()
      const { error } = request
      if (error?.name === 'VersionError') reject(new EvegramError('incompatible.schema', { operation: 'open store', details: { supported: INDEXEDDB_VERSION }, advice: 'A newer version of this page wrote this profile: load the page again.', cause: error }))
      else reject(storeFailure('open store', error))
    }
  })
}

/** The page has no storage, whatever for. */
export function noStorage(cause: unknown): EvegramError {
  return new EvegramError('client.store', {
    operation: 'open store', cause, details: { reason: 'no_storage' },
    advice: 'This page has no storage here (IndexedDB): leave the private window or the sandboxed frame, or allow the site to keep data. Node programs use createNodeClient.',
  })
}

/** What a failed operation of IndexedDB means for a person. */
export function storeFailure(operation: string, cause: unknown): EvegramError {
  const name = cause instanceof Error || cause instanceof DOMException ? cause.name : ''
  if (name === 'QuotaExceededError') {
    return new EvegramError('client.store', { operation, cause, details: { reason: 'quota' }, advice: 'The browser gives this page no more room: free space on this device. What was stored before is unchanged.' })
  }
  if (name === 'SecurityError' || name === 'InvalidAccessError') return noStorage(cause)
  return new EvegramError('client.store', { operation, cause })
}
