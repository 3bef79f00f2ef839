import { EvegramError, FILE_PIXELS_MAX, FILE_PREVIEW_TYPES, LIMITS, utf8, type FilePreview } from '@evegram/protocol'
import { bytesOfStream } from './bytes-of-stream.js'

/** A file that is to be sent. A `File` of a browser is one; `fileFromPath` of `@evegram/sdk/node` makes one of a path. */
export interface FileSource {
  /** Shown to the readers; only what is behind the last slash is sent. */
  readonly name: string
  /** Media type; `application/octet-stream` where it is empty. */
  readonly type?: string
  /** Pixels, of pictures and films: whoever has them decoded says them. */
  readonly width?: number
  readonly height?: number
  /** A small picture that readers see before the file: at most `LIMITS.filePreviewBytesMax` bytes of jpeg, png or webp. */
  readonly preview?: FilePreview
  /** Its bytes, from the beginning: read once. A promise where another tab has them. */
  stream(): AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | Promise<AsyncIterable<Uint8Array>>
}

/** What is said of a file. */
export type FileFacts = Pick<FileSource, 'width' | 'height' | 'preview'> & { readonly name: string; readonly type: string }

const ANY_TYPE = 'application/octet-stream'
const TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/

/** What is said of a source, in the form that payloads take. Throws `invalid.argument` for pixels or a preview that they do not take. */
export function factsOf({ name, type, width, height, preview }: FileSource): FileFacts {
  const isPixel = (count: number): boolean => Number.isInteger(count) && count >= 1 && count <= FILE_PIXELS_MAX
  if ((width === undefined) !== (height === undefined) || (width !== undefined && height !== undefined && !(isPixel(width) && isPixel(height)))) refuse('Width and height are whole pixels, or both absent.')
  if (preview !== undefined && (!FILE_PREVIEW_TYPES.includes(preview.type) || preview.bytes.length === 0 || preview.bytes.length > LIMITS.filePreviewBytesMax)) {
    refuse(`A preview is a picture of at most ${String(LIMITS.filePreviewBytesMax)} bytes.`)
  }
  const known = type?.split(';')[0]?.trim().toLowerCase() ?? ''
  return {
    name: shownName(name), type: TYPE.test(known) ? known : ANY_TYPE, ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }),
    ...(preview === undefined ? {} : { preview }),
  }
}

/** The last part of a path, well-formed and as long as payloads take it. */
function shownName(name: string): string {
  let short = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1).replaceAll(/\p{Surrogate}/gu, '')
  while (utf8(short).length > LIMITS.fileNameBytesMax) short = [...short].slice(0, -1).join('')
  return short === '' ? 'file' : short
}

/** The bytes of a source, wherever it comes from. Throws `files.source` when it fails. */
export async function* bytesOfSource(source: FileSource): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bytesOfStream(await source.stream())
  } catch (cause) {
    if (cause instanceof EvegramError) throw cause
    throw new EvegramError('files.source', { operation: 'read file', cause })
  }
}

function refuse(advice: string): never {
  throw new EvegramError('invalid.argument', { operation: 'send files', advice })
}
