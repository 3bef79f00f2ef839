import { BLOB_CHUNK_BYTES, sealedBlobBytes, type ConversationId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { FakeBlobs } from '../backup/testing/fake-blobs.js'
import { MemoryStore } from '../store/memory.js'
import { FakeServer } from '../sync/testing/fake-server.js'
import { openTestClient, testWallet } from '../sync/testing/test-client.js'
import { VirtualClock } from '../sync/testing/virtual-clock.js'
import type { FileSource } from './file-source.js'
import { FileUploads } from './file-uploads.js'

const FILE_BYTES = 100_000
const SEALED_BYTES = sealedBlobBytes(FILE_BYTES, BLOB_CHUNK_BYTES)

/** A file that is read in small pieces, so that others are sealed meanwhile. */
function source(): FileSource {
  return {
    name: 'part.bin', type: '',
    async* stream() {
      for (let at = 0; at < FILE_BYTES; at += 10_000) {
        await Promise.resolve()
        yield new Uint8Array(10_000)
      }
    },
  }
}

/** Uploads of a device that has room for exactly `files` sealed files, and is not connected. */
async function uploads(files: number): Promise<{ readonly send: (count: number) => Promise<unknown>; readonly all: FileUploads; readonly rows: () => Promise<number> }> {
  const { core, link } = await openTestClient(new FakeServer(new VirtualClock()), new MemoryStore(), testWallet('alice'))
  link.down()
  const all = new FileUploads({ core: core.core, api: new FakeBlobs(), say: () => Promise.reject(new Error('nothing is said')), waitingBytesMax: files * SEALED_BYTES })
  return {
    all, rows: async () => (await core.core.store.list('files', { limit: 1_000 })).length,
    send: (count) => all.send({ conversation: '0c'.repeat(16) as ConversationId, text: '', sources: Array.from({ length: count }, source) }),
  }
}

const codes = (outcomes: readonly PromiseSettledResult<unknown>[]): unknown[] => outcomes.map((one) => one.status === 'fulfilled' ? 'sealed' : (one.reason as { code: unknown }).code)

describe('room for files on a device', () => {
  it('is shared by what is sealed at the same time', async () => {
    const { send, all } = await uploads(3)
    const outcomes = codes(await Promise.allSettled([send(1), send(1), send(1), send(1), send(1)]))
    expect(outcomes.filter((one) => one === 'sealed').length).toBeLessThanOrEqual(3)
    expect(outcomes.filter((one) => one !== 'sealed')).toContain('limited.files')
    expect(all.size).toBe(outcomes.filter((one) => one === 'sealed').length)
  })

  it('is taken by each file of a message', async () => {
    expect(codes(await Promise.allSettled([(await uploads(3)).send(3)]))).toEqual(['sealed'])
    expect(codes(await Promise.allSettled([(await uploads(3)).send(4)]))).toEqual(['limited.files'])
  })

  it('is free again when a message did not fit, and nothing of that stays', async () => {
    const { send, rows } = await uploads(2)
    expect(codes(await Promise.allSettled([send(3)]))).toEqual(['limited.files'])
    expect(await rows()).toBe(0)
    expect(codes(await Promise.allSettled([send(2)]))).toEqual(['sealed'])
    expect(codes(await Promise.allSettled([send(1)]))).toEqual(['limited.files'])
  })
})
