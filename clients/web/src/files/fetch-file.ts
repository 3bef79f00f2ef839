import type { Client, DownloadOptions, Message } from '@evegram/sdk'
import type { FetchedMedia } from './media-cache.js'
import { shownType, SNIFFED_BYTES } from './media-kind.js'

/** Whatever a file is called, what is saved has this type: no browser opens it as a page of this site. */
const SAVED_TYPE = 'application/octet-stream'

/** Bytes as parts of a Blob take them: those of the SDK are never shared between threads. */
type Part = Uint8Array<ArrayBuffer>

/**
 * Fetches a file to show it in place: undefined, and nothing is fetched any further, where its first bytes are not of the type that its sender says, or of one that is not shown. The type of what is given is
 * one of five that were found by looking, never the sender's.
 */
export async function fetchMedia(client: Pick<Client, 'download'>, message: Message, index: number, options: DownloadOptions = {}): Promise<FetchedMedia | undefined> {
  const said = message.files?.[index]?.type ?? ''
  const parts: Part[] = []
  let head = new Uint8Array(0)
  let type: ReturnType<typeof shownType>
  for await (const bytes of chunksOf(client.download(message, index, options))) {
    parts.push(bytes)
    if (type !== undefined) continue
    head = joined(head, bytes.subarray(0, SNIFFED_BYTES))
    if (head.length < SNIFFED_BYTES) continue
    type = shownType(said, head)
    if (type === undefined) return undefined
  }
  // Of a file that is shorter than what is looked at.
  type ??= shownType(said, head)
  return type === undefined ? undefined : { blob: new Blob(parts, { type }) }
}

/** Fetches a file to save it, whatever it is. */
export async function fetchToSave(client: Pick<Client, 'download'>, message: Message, index: number, options: DownloadOptions = {}): Promise<Blob> {
  const parts: Part[] = []
  for await (const bytes of chunksOf(client.download(message, index, options))) parts.push(bytes)
  return new Blob(parts, { type: SAVED_TYPE })
}

/** The chunks of a stream; it is cancelled when nobody reads on. Not every browser iterates streams. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Part, void, undefined> {
  const reader = stream.getReader()
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isDone = done
      if (done) return
      yield new Uint8Array(value)
    }
  } finally {
    // What is cancelled on purpose has nothing to tell.
    if (!isDone) await reader.cancel().catch(() => undefined)
  }
}

function joined(left: Uint8Array, right: Uint8Array): Part {
  const bytes = new Uint8Array(left.length + right.length)
  bytes.set(left)
  bytes.set(right, left.length)
  return bytes
}
