import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EvegramError } from '@evegram/protocol'

/** Makes a folder and those above it, for its owner alone. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Writes a file whole or not at all, durably, for its owner alone. */
export async function writeWhole(path: string, content: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncFolder(dirname(path))
}

/** Text of a file; undefined where there is none. */
export function textIn(path: string): Promise<string | undefined> {
  return unlessMissing(() => readFile(path, 'utf8'))
}

/** Length and time of the last change of a file; undefined where there is none. */
export function fileFacts(path: string): Promise<{ readonly size: number; readonly mtimeMs: number } | undefined> {
  return unlessMissing(() => stat(path))
}

/** Names in a folder, in ascending order; none where there is no folder. */
export async function namesIn(path: string): Promise<readonly string[]> {
  return ((await unlessMissing(() => readdir(path))) ?? []).sort()
}

/** Removes a file; none is no error. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true })
}

/** What `read` gives; undefined where a file or folder that it names is not there. */
export async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (failure) {
    if (failure instanceof Error && 'code' in failure && failure.code === 'ENOENT') return undefined
    throw failure
  }
}

/** Runs work on the disk; whatever fails that is no error of ours is `unavailable.blob_store`. */
export async function guarded<T>(operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof EvegramError) throw cause
    throw new EvegramError('unavailable.blob_store', { operation, cause })
  }
}
