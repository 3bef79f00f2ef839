import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS, parseAccountId, parseBlobId, type BlobId } from '@evegram/protocol'
import { describeBlobStore } from '../../ports/blob-store.contract.js'
import { copyBlobs } from './copy-blobs.js'
import { DiskBlobStore } from './disk-blob-store.js'

const partOf = (folder: string, blob: BlobId): string => join(folder, 'data', blob.slice(0, 2), `${blob}.part`)

describeBlobStore({
  name: 'a folder',
  // A folder belongs to one process: its parts are no transactions.
  gaps: ['shared'],
  setup: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evegram-blobs-'))
    return {
      store: new DiskBlobStore({ folder }),
      reopen: () => Promise.resolve(new DiskBlobStore({ folder })),
      damage: (blob) => {
        const path = partOf(folder, blob)
        const bytes = readFileSync(path)
        bytes[bytes.length - 1]! ^= 1
        writeFileSync(path, bytes)
        return Promise.resolve()
      },
      close: () => {
        rmSync(folder, { recursive: true })
        return Promise.resolve()
      },
    }
  },
})

describe('a folder of blobs', () => {
  let folder: string
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'evegram-blobs-')) })
  afterEach(() => { rmSync(folder, { recursive: true }) })

  const content = randomBytes(1_000)
  const facts = (blob: string) => ({
    blob: parseBlobId(blob), owner: parseAccountId('a1'.repeat(16)), bytes: content.length, digest: createHash('sha256').update(content).digest(), retention: 'backup' as const,
    createdAtMs: Date.now(), expiresAtMs: Date.now() + LIMITS.retentionMs,
  })
  async function* stream(): AsyncGenerator<Uint8Array, void, undefined> {
    yield content
  }
  const files = (at = folder): readonly string[] => readdirSync(at, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))

  it('is readable by its owner alone', async () => {
    const inner = join(folder, 'blobs')
    const store = new DiskBlobStore({ folder: inner })
    await store.create(facts('11'.repeat(16)))
    await store.append(facts('11'.repeat(16)).blob, 0, stream())
    await store.complete(facts('11'.repeat(16)).blob)
    expect(statSync(inner).mode & 0o777).toBe(0o700)
    for (const file of files()) expect(statSync(file).mode & 0o077, file).toBe(0)
  })

  it('refuses a blob that would fill the disk', async () => {
    await expect(new DiskBlobStore({ folder, freeBytesMin: 2 ** 60 }).create(facts('11'.repeat(16)))).rejects.toMatchObject({ code: 'unavailable.blob_store' })
    expect(files()).toEqual([])
  })

  it('leaves nothing behind of what was removed and swept', async () => {
    const store = new DiskBlobStore({ folder })
    await store.create(facts('11'.repeat(16)))
    await store.remove(facts('11'.repeat(16)).blob)
    await store.create(facts('22'.repeat(16)))
    await store.sweep(Date.now() + 100 * 24 * 3_600_000, 1, 10)
    expect(files()).toEqual([])
  })

  it('is copied while it is used: complete blobs, without uploads', async () => {
    const store = new DiskBlobStore({ folder: join(folder, 'one') })
    await store.create(facts('11'.repeat(16)))
    await store.append(facts('11'.repeat(16)).blob, 0, stream())
    await store.complete(facts('11'.repeat(16)).blob)
    await store.create(facts('22'.repeat(16)))
    await copyBlobs(join(folder, 'one'), join(folder, 'two'))
    const copy = new DiskBlobStore({ folder: join(folder, 'two') })
    expect(await copy.find(facts('11'.repeat(16)).blob)).toMatchObject({ complete: true, offset: content.length })
    expect(await copy.find(facts('22'.repeat(16)).blob)).toBeUndefined()
    expect((await copy.backupsOf(facts('11'.repeat(16)).owner)).map(({ facts: { blob } }) => blob)).toEqual(['11'.repeat(16)])
    await copyBlobs(join(folder, 'nothing'), join(folder, 'three'))
  })
})
