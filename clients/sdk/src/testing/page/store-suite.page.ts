// The page that runs the contract suite of local stores on IndexedDB, and what holds of that one alone.
import { describe, expect, it } from 'vitest'
import { describeLocalStore } from '../../store/local-store.contract.js'
import { createRowKey, WebRowSealer } from '../../store/row-sealer.js'
import { databaseNameOf, deleteIndexedDbStore, openIndexedDbStore, openUnsealedStore } from '../../store/indexeddb.js'
import { INDEXEDDB_VERSION, OBJECT_STORES } from '../../store/indexeddb-schema.js'
export { names, run } from './vitest-in-page.js'

let count = 0
const nextProfile = (): string => `suite-${String(++count)}`
const value = new TextEncoder().encode('a private key, or what Bob said')

describeLocalStore('indexeddb', () => {
  const profile = nextProfile()
  return { open: () => openIndexedDbStore(profile), dispose: () => deleteIndexedDbStore(profile) }
})

/** What a database holds, past the store. */
function rawValues(database: IDBDatabase, store: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const request = database.transaction(store).objectStore(store).getAll()
    request.onsuccess = () => { resolve(request.result) }
    request.onerror = () => { reject(request.error ?? new Error('no values')) }
  })
}

describe('a profile in IndexedDB', () => {
  it('takes nothing more from an opening that another one came after', async () => {
    const profile = nextProfile()
    let lost = 0
    const first = await openIndexedDbStore(profile, { onLost: () => { lost += 1 } })
    await first.commit([{ table: 'meta', key: 'row', value: Uint8Array.of(1) }])
    const second = await openIndexedDbStore(profile)
    await second.commit([{ table: 'meta', key: 'row', value: Uint8Array.of(2) }])
    await expect(first.commit([{ table: 'meta', key: 'row', value: Uint8Array.of(3) }])).rejects.toMatchObject({ code: 'client.store', details: { reason: 'taken' } })
    await expect(first.commit([{ table: 'meta', key: 'row', value: Uint8Array.of(4) }])).rejects.toMatchObject({ code: 'client.store' })
    expect(lost).toBe(1)
    expect(await second.get('meta', 'row')).toEqual(Uint8Array.of(2))
    await first.close()
    await second.close()
    await deleteIndexedDbStore(profile)
  })

  it('shows no value to whoever reads the database, and no bytes of the key', async () => {
    const profile = nextProfile()
    const store = await openIndexedDbStore(profile)
    await store.commit([{ table: 'meta', key: 'signal/device', value }, { table: 'messages', key: 'm/1', value }])
    const { store: below, database } = await openUnsealedStore(profile)
    const raw = await rawValues(database, OBJECT_STORES.rows)
    expect(raw.length).toBe(2)
    for (const row of raw) expect(new TextDecoder('latin1').decode(row as Uint8Array).includes('private key')).toBe(false)
    const [key] = await rawValues(database, OBJECT_STORES.keys)
    expect(key instanceof CryptoKey && key.extractable).toBe(false)
    await expect(crypto.subtle.exportKey('raw', key as CryptoKey)).rejects.toMatchObject({ name: 'InvalidAccessError' })
    await below.close()
    const again = await openIndexedDbStore(profile)
    expect(await again.get('meta', 'signal/device')).toEqual(value)
    await again.close()
    await deleteIndexedDbStore(profile)
  })

  it('opens a value under its own name alone, and none that was changed', async () => {
    const sealer = new WebRowSealer(await createRowKey())
    const sealed = await sealer.seal('meta', 'one', value)
    expect(await sealer.open('meta', 'one', sealed)).toEqual(value)
    for (const [table, key] of [['meta', 'two'], ['sessions', 'one']] as const) await expect(sealer.open(table, key, sealed)).rejects.toMatchObject({ code: 'client.store' })
    for (const index of [0, 5, 20, sealed.length - 1]) {
      const changed = Uint8Array.from(sealed)
      changed[index] = (changed[index] ?? 0) ^ 1
      await expect(sealer.open('meta', 'one', changed)).rejects.toMatchObject({ code: 'client.store' })
    }
    await expect(sealer.open('meta', 'one', new Uint8Array(3))).rejects.toMatchObject({ code: 'client.store' })
  })

  it('of a newer version is refused and stays as it is', async () => {
    const profile = nextProfile()
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open(databaseNameOf(profile), INDEXEDDB_VERSION + 1)
      request.onsuccess = () => {
        request.result.close()
        resolve()
      }
      request.onerror = () => { reject(request.error ?? new Error('not made')) }
    })
    await expect(openIndexedDbStore(profile)).rejects.toMatchObject({ code: 'incompatible.schema' })
    await deleteIndexedDbStore(profile)
  })

  it('lets go of the database when another tab removes it, and says so', async () => {
    const profile = nextProfile()
    let reason: unknown
    const store = await openIndexedDbStore(profile, { onLost: ({ details }) => { reason = details?.['reason'] } })
    await deleteIndexedDbStore(profile)
    expect(reason).toBe('version_change')
    await expect(store.get('meta', 'row')).rejects.toMatchObject({ code: 'client.store' })
    await store.close()
  })

  it('that cannot be stored at all is told with advice', async () => {
    const factory = { open: () => { throw new DOMException('denied', 'SecurityError') } } as unknown as IDBFactory
    await expect(openIndexedDbStore('any', { factory })).rejects.toMatchObject({ code: 'client.store', details: { reason: 'no_storage' } })
  })
})

/** What sealing costs: milliseconds for commits of one row each, and for a list of all of them. For docs/browser.md. */
export async function measure(rows: number): Promise<Record<string, number>> {
  const result: Record<string, number> = {}
  for (const [name, open] of [['sealed', openIndexedDbStore], ['plain', async (profile: string) => (await openUnsealedStore(profile)).store]] as const) {
    const profile = nextProfile()
    const store = await open(profile)
    const startedAt = performance.now()
    for (let row = 0; row < rows; row++) await store.commit([{ table: 'messages', key: String(row), value: new Uint8Array(400).fill(row) }])
    const writtenAt = performance.now()
    await store.list('messages', { limit: rows })
    result[`${name}.commitMs`] = (writtenAt - startedAt) / rows
    result[`${name}.listMs`] = performance.now() - writtenAt
    await store.close()
    await deleteIndexedDbStore(profile)
  }
  return result
}

/** Commits 1, 2, 3, ... for ever and tells what is durable. Killed by the test. */
export async function writeForever(profile: string, tell: (acknowledged: number) => void): Promise<void> {
  const store = await openIndexedDbStore(profile)
  for (let number = 1; ; number++) {
    await store.commit([{ table: 'meta', key: 'count', value: new TextEncoder().encode(String(number)) }, { table: 'messages', key: String(number).padStart(8, '0'), value }])
    tell(number)
  }
}

/** What such a profile holds: the count, and how many rows. */
export async function readWritten(profile: string): Promise<{ readonly count: number; readonly rows: number }> {
  const store = await openIndexedDbStore(profile)
  const count = Number(new TextDecoder().decode(await store.get('meta', 'count')))
  const { length } = await store.list('messages', { limit: 100_000 })
  await store.close()
  return { count, rows: length }
}
