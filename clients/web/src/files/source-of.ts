import { FILE_PREVIEW_TYPES, LIMITS } from '@evegram/protocol'
import type { FileSource } from '@evegram/sdk'
import { isInlineType, sniffMedia, SNIFFED_BYTES } from './media-kind.js'

/** Pixels of the longer side of a preview: what is seen before the picture is there. */
const PREVIEW_PIXELS = 28
/** Pictures that are larger are not decoded for their preview. */
const DECODED_BYTES_MAX = 32 * 1_048_576

/** A file of this browser as it is sent: its type as its bytes say, and of pictures their size and a preview. `onRead` is told the bytes that were read. */
export async function sourceOf(file: File, onRead: (bytes: number) => void = () => undefined): Promise<FileSource> {
  const found = sniffMedia(new Uint8Array(await file.slice(0, SNIFFED_BYTES).arrayBuffer()))
  // What is called a picture and is none is sent as what it is: bytes.
  const type = found ?? (isInlineType(file.type) ? '' : file.type)
  const facts = found === undefined || found === 'video/mp4' || file.size > DECODED_BYTES_MAX ? {} : await factsOfPicture(file)
  return { name: file.name, type, ...facts, stream: () => counted(file, onRead) }
}

/** Sources whose previews fit into one message together: the last ones go without. */
export function withinPreviews(sources: readonly FileSource[]): readonly FileSource[] {
  let roomBytes: number = LIMITS.filePreviewsBytesMax
  return sources.map((source) => {
    const { preview, ...rest } = source
    if (preview === undefined) return source
    if (preview.bytes.length > roomBytes) return rest
    roomBytes -= preview.bytes.length
    return source
  })
}

async function factsOfPicture(file: File): Promise<Pick<FileSource, 'width' | 'height' | 'preview'>> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(file)
  } catch {
    // Its first bytes are a picture's and the rest is not: it is sent without a preview.
    return {}
  }
  const { width, height } = bitmap
  try {
    const scale = Math.min(1, PREVIEW_PIXELS / Math.max(width, height))
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)))
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
    // Browsers that cannot write it give png.
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.5 })
    if (!FILE_PREVIEW_TYPES.includes(blob.type) || blob.size > LIMITS.filePreviewBytesMax) return { width, height }
    return { width, height, preview: { type: blob.type, bytes: new Uint8Array(await blob.arrayBuffer()) } }
  } finally {
    bitmap.close()
  }
}

async function* counted(file: File, onRead: (bytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = file.stream().getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      onRead(value.length)
      yield value
    }
  } finally {
    reader.releaseLock()
  }
}
