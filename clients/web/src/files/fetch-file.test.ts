import type { Client, Message } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { fetchMedia, fetchToSave } from './fetch-file.js'

const PNG = Uint8Array.from([...'\x89PNG\r\n\x1a\n'].map((character) => character.charCodeAt(0)).concat(Array.from({ length: 100 }, () => 7)))
const PAGE = new TextEncoder().encode('<!doctype html><script>alert(1)</script>'.padEnd(400, ' '))

/** A client whose file says to be `type` and comes in chunks of `size`; `read`: bytes that were asked for. */
function serving(bytes: Uint8Array, type: string, size: number): { client: Pick<Client, 'download'>; message: Message; taken: () => number } {
  let at = 0
  const download = (): ReadableStream<Uint8Array> => new ReadableStream({
    pull: (controller) => {
      const from = at
      at += size
      if (from >= bytes.length) controller.close()
      else controller.enqueue(bytes.slice(from, at))
    },
  }, { highWaterMark: 0 })
  // Only what is looked at.
  return { client: { download }, message: { files: [{ type, size: bytes.length }] } as unknown as Message, taken: () => Math.min(at, bytes.length) }
}

describe('a file that is fetched', () => {
  it.each([1, 5, 16, 4_096])('is shown as what its bytes are, in chunks of %i', async (size) => {
    const { client, message } = serving(PNG, 'image/png', size)
    const media = await fetchMedia(client, message, 0)
    expect(media?.blob.type).toBe('image/png')
    expect(new Uint8Array(await (media?.blob ?? new Blob()).arrayBuffer())).toEqual(PNG)
  })

  it('that is a page called a picture is not shown, and not fetched any further', async () => {
    const { client, message, taken } = serving(PAGE, 'image/png', 16)
    expect(await fetchMedia(client, message, 0)).toBeUndefined()
    expect(taken()).toBe(16)
  })

  it('that is shorter than what is looked at is no picture', async () => {
    const { client, message } = serving(PNG.slice(0, 5), 'image/png', 2)
    expect(await fetchMedia(client, message, 0)).toBeUndefined()
  })

  it('is saved as bytes of no type', async () => {
    const { client, message } = serving(PAGE, 'text/html', 64)
    const blob = await fetchToSave(client, message, 0)
    expect(blob.type).toBe('application/octet-stream')
    expect(blob.size).toBe(PAGE.length)
  })
})
