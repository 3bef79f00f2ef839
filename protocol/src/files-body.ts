import { blobRefFields, readBlobRef, type BlobRef } from './blob-ref.js'
import { CborFields, type CborValue } from './cbor.js'
import { utf8 } from './bytes.js'
import { EvegramError } from './errors.js'
import { LIMITS } from './limits.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'
import { readText } from './payload-body-text.js'
import { readSaidWith, saidWithFields, type SaidWith } from './payload-body-target.js'

/** A small picture that stands for a file until it is there. */
export interface FilePreview {
  /** One of {@link FILE_PREVIEW_TYPES}. */
  readonly type: string
  /** 1 to `LIMITS.filePreviewBytesMax` bytes. */
  readonly bytes: Uint8Array
}

/** A file of a message: where its encrypted bytes are, how to open them, and what its sender says of it. */
export interface FileRef extends BlobRef {
  /** As its sender calls it, 1 to `LIMITS.fileNameBytesMax` bytes. Untrusted: it may hold paths and characters that mislead. */
  readonly name: string
  /** Media type as its sender says, `type/subtype` in lower case. Untrusted: content decides what is shown. */
  readonly type: string
  /** Pixels, of pictures and films. */
  readonly width?: number
  readonly height?: number
  readonly preview?: FilePreview
}

/** What a message with files says. */
export interface FilesBody extends SaidWith {
  /** 1 to `LIMITS.filesPerMessageMax`. */
  readonly files: readonly FileRef[]
  /** Beside the files; may be empty. At most `LIMITS.textBytesMax` bytes. */
  readonly text: string
}

/** Media types of previews: still pictures that every browser decodes in a sandbox of its own. */
export const FILE_PREVIEW_TYPES: readonly string[] = ['image/jpeg', 'image/png', 'image/webp']
/** Pixels of one side, at most. */
export const FILE_PIXELS_MAX = 65_535

const INVALID = 'invalid.payload' as const
/** RFC 6838 section 4.2: names of up to 127 characters from a small alphabet. */
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/
const MEDIA_TYPE_CHARACTERS_MAX = 255

/** Body of `files`. Throws `invalid.payload`, `too_large.payload` for text and previews, `too_large.file`. */
export const filesBody: PayloadBodyCodec<FilesBody> = {
  fields: (body) => ({ files: body.files.map(fileFields), text: body.text, ...saidWithFields(body) }),
  read: readFiles,
}

function readFiles(fields: CborFields): FilesBody {
  const files = fields.list('files', LIMITS.filesPerMessageMax).map(readFileRef)
  if (files.length === 0) fields.fail('files: at least one')
  const text = readText(fields)
  const previewBytes = files.reduce((sum, { preview }) => sum + (preview?.bytes.length ?? 0), 0)
  if (previewBytes > LIMITS.filePreviewsBytesMax) throw new EvegramError('too_large.payload', { operation: 'read files' })
  return { files, text, ...readSaidWith(fields) }
}

/** CBOR fields of one file. */
export function fileFields(file: FileRef): Record<string, CborValue> {
  const { name, type, width, height, preview } = file
  return {
    ...blobRefFields(file), name, type, ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }),
    ...(preview === undefined ? {} : { preview: { type: preview.type, bytes: preview.bytes } }),
  }
}

/** Reads one file. Throws as {@link filesBody} does. */
export function readFileRef(value: CborValue): FileRef {
  const fields = new CborFields(value, INVALID)
  const name = fields.text('name', LIMITS.fileNameBytesMax)
  if (name === '' || utf8(name).length > LIMITS.fileNameBytesMax) fields.fail('name')
  const type = fields.text('type', MEDIA_TYPE_CHARACTERS_MAX)
  if (!MEDIA_TYPE.test(type)) fields.fail('type')
  if (fields.has('width') !== fields.has('height')) fields.fail('width and height, or neither')
  const file: FileRef = {
    ...readBlobRef(fields), name, type,
    ...(fields.has('width') ? { width: pixels(fields, 'width'), height: pixels(fields, 'height') } : {}),
    ...(fields.has('preview') ? { preview: readPreview(fields.value('preview')) } : {}),
  }
  fields.end()
  return file
}

function pixels(fields: CborFields, name: string): number {
  const count = fields.uint(name, FILE_PIXELS_MAX)
  return count === 0 ? fields.fail(`${name}: from 1`) : count
}

function readPreview(value: CborValue): FilePreview {
  const fields = new CborFields(value, INVALID)
  const preview = { type: fields.text('type', MEDIA_TYPE_CHARACTERS_MAX), bytes: fields.bytes('bytes', { lengthMax: LIMITS.filePreviewBytesMax }) }
  if (!FILE_PREVIEW_TYPES.includes(preview.type) || preview.bytes.length === 0) fields.fail('preview')
  fields.end()
  return preview
}
