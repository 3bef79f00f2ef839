import { copyFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { namesIn, makeFolder, unlessMissing, guarded } from './files.js'

/**
 * Copies the complete blobs of a store into an empty folder that becomes one, while the store is in use: a complete blob does not change. Uploads are left out, and so
 * is what is removed meanwhile. Rejects `unavailable.blob_store`.
 */
export function copyBlobs(from: string, to: string): Promise<void> {
  return guarded('copy blobs', async () => {
    for (const part of await namesIn(join(from, 'data'))) {
      for (const name of await namesIn(join(from, 'data', part))) {
        if (!name.endsWith('.blob')) continue
        const facts = `${basename(name, '.blob')}.json`
        // The bytes first: facts without bytes would be a blob that is not there.
        const copied = await copyOne(join(from, 'data', part, name), join(to, 'data', part, name))
        if (copied) await copyOne(join(from, 'data', part, facts), join(to, 'data', part, facts))
      }
    }
    for (const index of ['due', 'backups']) {
      for (const group of await namesIn(join(from, index))) {
        for (const name of await namesIn(join(from, index, group))) await copyOne(join(from, index, group, name), join(to, index, group, name))
      }
    }
  })
}

async function copyOne(from: string, to: string): Promise<boolean> {
  await makeFolder(dirname(to))
  return (await unlessMissing(async () => {
    await copyFile(from, to)
    return true
  })) === true
}
