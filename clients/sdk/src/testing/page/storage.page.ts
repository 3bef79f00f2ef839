// A page whose browser gives it little to store things in, or nothing.
import { isEvegramError } from '@evegram/protocol'
import { openBrowserClient } from '../../browser.js'
import { databaseNameOf, openIndexedDbStore } from '../../store/indexeddb.js'

/** What became of a call: `done`, or the code and reason of its failure with what a person is told. */
export interface Told {
  readonly code: string
  readonly reason?: unknown
  readonly advice?: string
}

async function told(call: () => Promise<unknown>): Promise<Told> {
  try {
    await call()
    return { code: 'done' }
  } catch (error) {
    if (!isEvegramError(error)) return { code: `no EvegramError: ${String(error)}` }
    return { code: error.code, reason: error.details?.['reason'], advice: error.advice }
  }
}

/** Opens a client as an application does; the server is nobody's. */
export function openClient(profile: string): Promise<Told> {
  return told(() => openBrowserClient({ url: 'http://127.0.0.1:9', profile }))
}

/** Writes rows of 1 MiB until that fails, at most `most`; how many are there and whole afterwards, and whether a small one goes in then. */
export async function fill(profile: string, most: number): Promise<{ readonly written: number; readonly failure: Told; readonly kept: number; readonly whole: boolean }> {
  const store = await openIndexedDbStore(profile)
  let written = 0
  let failure: Told = { code: 'done' }
  while (written < most && failure.code === 'done') {
    // Bytes that do not compress.
    const value = new Uint8Array(1_048_576)
    for (let at = 0; at < value.length; at += 65_536) crypto.getRandomValues(value.subarray(at, at + 65_536))
    value[0] = written
    failure = await told(() => store.commit([{ table: 'messages', key: String(written).padStart(6, '0'), value }, { table: 'chains', key: String(written).padStart(6, '0'), value: Uint8Array.of(written) }]))
    if (failure.code === 'done') written += 1
  }
  const rows = await store.list('messages', { limit: most + 1 })
  const chains = await store.list('chains', { limit: most + 1 })
  await store.close()
  return { written, failure, kept: rows.length, whole: chains.length === rows.length && rows.every(({ value }, index) => value.length === 1_048_576 && value[0] === index) }
}

/** Keeps the profile open as a page would that hears nothing of newer ones. */
export function holdDeafly(profile: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseNameOf(profile))
    request.onsuccess = () => { resolve() }
    request.onerror = () => { reject(request.error ?? new Error('not opened')) }
  })
}

/** Opens the profile as the SDK does, and tells whether it was lost since. */
export async function holdWell(profile: string): Promise<() => Told | undefined> {
  let lost: Told | undefined
  await openIndexedDbStore(profile, { onLost: (error) => { lost = { code: error.code, reason: error.details?.['reason'] } } })
  return () => lost
}

/** Opens the profile as a build of the SDK does whose database is a version further. */
export function upgrade(profile: string): Promise<Told> {
  const newer = { open: (name: string, version: number) => indexedDB.open(name, version + 1) } as IDBFactory
  return told(async () => { await (await openIndexedDbStore(profile, { factory: newer })).close() })
}

/** Opens the profile as this build does. */
export function reopen(profile: string): Promise<Told> {
  return told(async () => { await (await openIndexedDbStore(profile)).close() })
}
