import { describe, expect, it } from 'vitest'
import { parseBlobId } from './blob-ref.js'
import { CborFields, decodeCbor, encodeCbor, type CborValue } from './cbor.js'
import { FILE_PIXELS_MAX, fileFields, type FileRef } from './files-body.js'
import { parseDeviceId } from './ids.js'
import { LIMITS } from './limits.js'
import { decodePayloadBody, encodePayloadBody } from './payload-body.js'

const FILE: FileRef = {
  blob: parseBlobId('ab'.repeat(16)), key: new Uint8Array(32).fill(1), size: 100_000, chunk: 65_536, digest: new Uint8Array(32).fill(2), name: 'harbour.jpg', type: 'image/jpeg',
  width: 640, height: 480, preview: { type: 'image/webp', bytes: new Uint8Array(40).fill(3) },
}
const body = (files: readonly unknown[], text = ''): Uint8Array => encodeCbor({ files: files as CborValue[], text })
const changed = (change: Readonly<Record<string, CborValue>>): Uint8Array => body([{ ...fileFields(FILE), ...change }])

describe('the body of a message with files', () => {
  it('comes back as it was, with what it answers and how long it stays', () => {
    const { width: _width, height: _height, preview: _preview, ...bare } = FILE
    const content = { kind: 'files' as const, body: { files: [FILE, bare], text: 'as promised', reply: { device: parseDeviceId('cd'.repeat(16)), epoch: 1, number: 7 }, expiresIn: 60 } }
    expect(decodePayloadBody('files', encodePayloadBody(content))).toEqual(content)
  })

  it.each([
    ['no file', body([])], ['too many files', body(Array.from({ length: LIMITS.filesPerMessageMax + 1 }, () => fileFields(FILE)))],
    ['no name', changed({ name: '' })], ['a name that is too long', changed({ name: 'x'.repeat(LIMITS.fileNameBytesMax + 1) })], ['no media type', changed({ type: 'Picture' })],
    ['no pixels', changed({ width: 0 })], ['too many pixels', changed({ height: FILE_PIXELS_MAX + 1 })], ['a preview that is a script', changed({ preview: { type: 'image/svg+xml', bytes: new Uint8Array(4) } })],
    ['an empty preview', changed({ preview: { type: 'image/png', bytes: new Uint8Array(0) } })], ['a short key', changed({ key: new Uint8Array(31) })], ['a chunk of another length', changed({ chunk: 65_537 })],
    ['a field more', changed({ path: '/etc' })],
  ])('is refused with %s', (_what, bytes) => {
    expect(() => decodePayloadBody('files', bytes)).toThrow(expect.objectContaining({ code: 'invalid.payload' }))
  })

  it('is refused with a caption, and with previews, that are too large together', () => {
    expect(() => decodePayloadBody('files', body([fileFields(FILE)], 'x'.repeat(LIMITS.textBytesMax + 1)))).toThrow(expect.objectContaining({ code: 'too_large.payload' }))
    const preview = { type: 'image/png', bytes: new Uint8Array(LIMITS.filePreviewBytesMax) }
    const many = Array.from({ length: Math.floor(LIMITS.filePreviewsBytesMax / LIMITS.filePreviewBytesMax) + 1 }, () => fileFields({ ...FILE, preview }))
    expect(() => decodePayloadBody('files', body(many))).toThrow(expect.objectContaining({ code: 'too_large.payload' }))
  })

  it('is deterministic CBOR with nothing behind it', () => {
    const bytes = encodePayloadBody({ kind: 'files', body: { files: [FILE], text: '' } })
    expect(new CborFields(decodeCbor(bytes, bytes.length), 'invalid.payload').has('reply')).toBe(false)
    expect(() => decodePayloadBody('files', Uint8Array.of(...bytes, 0))).toThrow(expect.objectContaining({ name: 'EvegramError' }))
  })
})
