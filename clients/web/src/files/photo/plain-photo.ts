import { sniffMedia, SNIFFED_BYTES } from '../media-kind.js'
import { plainJpeg } from './jpeg.js'
import type { Part } from './parts.js'
import { plainPng } from './png.js'
import { plainWebp } from './webp.js'

/** Photos that are larger are not looked through: they are sent unchanged, or not at all. */
export const PHOTO_BYTES_MAX = 32 * 1_048_576

const PLAIN = { 'image/jpeg': plainJpeg, 'image/png': plainPng, 'image/webp': plainWebp } as const

/** A photo whose details cannot be taken out, because it is too large or not built as its kind is. */
export class PhotoKeepsDetails extends Error {
  readonly code = 'photo.keeps_details'

  constructor() {
    super('the details of this photo cannot be taken out')
  }
}

/** Whether a file is called what has its details taken out before it is sent. */
export function isPhoto({ type }: Pick<File, 'type'>): boolean {
  return Object.hasOwn(PLAIN, type)
}

/**
 * The file as it is sent: of a photo (JPEG, PNG, WebP, as its bytes say) without the details of where, when and by what it was made. Other files are the same. Rejects with {@link PhotoKeepsDetails} rather than
 * give a photo that still has them.
 */
export async function plainPhoto(file: File): Promise<File> {
  const kind = sniffMedia(new Uint8Array(await file.slice(0, SNIFFED_BYTES).arrayBuffer()))
  if (kind !== 'image/jpeg' && kind !== 'image/png' && kind !== 'image/webp') return file
  if (file.size > PHOTO_BYTES_MAX) throw new PhotoKeepsDetails()
  const parts: Part[] | undefined = PLAIN[kind](new Uint8Array(await file.arrayBuffer()))
  if (parts === undefined) throw new PhotoKeepsDetails()
  return new File(parts, file.name, { type: kind })
}
