import { EvegramError } from '@evegram/protocol'
import { plainFilm, HEAD_BYTES_MAX } from './film.js'
import { plainJpeg } from './jpeg.js'
import { detailKind, KIND_BYTES } from './kind.js'
import type { Piece } from './parts.js'
import { plainPng } from './png.js'
import { plainWebp } from './webp.js'
import type { SeekableFile } from './seekable-file.js'

/** Photos that are larger are not looked through: they are sent unchanged, or not at all. */
export const PHOTO_BYTES_MAX = 32 * 1_048_576

/** A file without its details: what it is, and of which pieces it is made. */
export interface PlainFile {
  /** As its bytes say. */
  readonly type: 'image/jpeg' | 'image/png' | 'image/webp' | 'video/mp4' | 'video/quicktime'
  readonly pieces: readonly Piece[]
}

const PHOTOS = { 'image/jpeg': plainJpeg, 'image/png': plainPng, 'image/webp': plainWebp } as const

/**
 * A photo (JPEG, PNG, WebP) or film (MP4, QuickTime) without what it says of where, when and by what it was made: the same picture and sound, byte by byte. Undefined for other files, which are sent as they
 * are; what counts are the bytes, not what a file is called. Rejects `files.keeps_details` where details cannot be taken out (too large, damaged, or a kind as HEIC and AVIF), and as `read` does.
 */
export async function plainFile(file: SeekableFile): Promise<PlainFile | undefined> {
  const kind = detailKind(await file.read(0, Math.min(KIND_BYTES, file.size)))
  if (kind === undefined) return undefined
  if (kind === 'picture in boxes') return refuse()
  if (kind === 'video/mp4' || kind === 'video/quicktime') {
    const pieces = await plainFilm(file)
    return pieces === undefined ? refuse() : { type: kind, pieces }
  }
  if (file.size > PHOTO_BYTES_MAX) return refuse()
  const pieces = PHOTOS[kind](await file.read(0, file.size))
  return pieces === undefined ? refuse() : { type: kind, pieces }
}

/** Whether a file, by the name and type that it is called by, is of a kind that may hold such details: for asking, before its bytes are read. */
export function mayHoldDetails({ name, type }: { readonly name: string; readonly type: string }): boolean {
  return /^(?:image\/(?:jpeg|png|webp|heic|heif|avif)|video\/(?:mp4|quicktime|3gpp2?|x-m4v))$/.test(type) || /\.(?:jpe?g|png|webp|hei[cf]|avif|mp4|m4v|mov|3gp)$/i.test(name)
}

function refuse(): never {
  throw new EvegramError('files.keeps_details', { operation: 'take details out of a file', details: { photoBytesMax: PHOTO_BYTES_MAX, filmHeadBytesMax: HEAD_BYTES_MAX } })
}
