import { describe, expect, it } from 'vitest'
import { plainJpeg } from './jpeg.js'
import { exifOf, orientationOf, type Orientation } from './orientation.js'
import { bytesOf, type Part } from './parts.js'
import { PHOTO_BYTES_MAX, plainFile } from './plain-file.js'
import { plainPng } from './png.js'
import { plainWebp } from './webp.js'

const SECRET = 'GPS 60.1699 N 24.9384 E'
const whole = (parts: readonly Part[] | undefined): Part => Uint8Array.from((parts ?? []).flatMap((part) => [...part]))
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
const be16 = (value: number): number[] => [value >> 8, value & 0xff]
const be32 = (value: number): number[] => [...be16(value >>> 16), ...be16(value & 0xffff)]
const le32 = (value: number): number[] => be32(value).reverse()

/** Exif as cameras write it: little-endian, an orientation, and a directory of GPS whose text stands behind it. */
function camera(orientation: Orientation): Part {
  const le16 = (value: number): number[] => be16(value).reverse()
  const entries = [[...le16(0x0112), ...le16(3), ...le32(1), ...le16(orientation), 0, 0], [...le16(0x8825), ...le16(4), ...le32(1), ...le32(38)]]
  return Uint8Array.from([...bytesOf('II'), ...le16(42), ...le32(8), ...le16(entries.length), ...entries.flat(), ...le32(0), ...bytesOf(SECRET)])
}

const segment = (marker: number, data: Iterable<number>): number[] => {
  const bytes = [...data]
  return [0xff, marker, ...be16(bytes.length + 2), ...bytes]
}
/** Coded data with a stuffed byte and a restart in them. */
const SCAN = [1, 2, 0xff, 0, 3, 0xff, 0xd0, 4]
const FRAME = [...segment(0xdb, [0, 9, 9]), ...segment(0xc2, [8, 0, 1, 0, 1, 1]), ...segment(0xc4, [0, 7])]
const ICC = segment(0xe2, bytesOf('ICC_PROFILE\0\x01\x01colours'))
const JFIF = segment(0xe0, [...bytesOf('JFIF\0'), 1, 2, 0, 0, 1, 0, 1, 0, 0])
const jpeg = (orientation: Orientation): Part => Uint8Array.from([
  0xff, 0xd8, ...segment(0xe0, [...bytesOf('JFIF\0'), 1, 2, 0, 0, 1, 0, 1, 1, 1, 6, 6, 6]), ...segment(0xe1, [...bytesOf('Exif\0\0'), ...camera(orientation)]), ...segment(0xe1, bytesOf(`http://ns.adobe.com/xap/1.0/\0${SECRET}`)), ...ICC,
  ...segment(0xe2, bytesOf(`MPF\0${SECRET}`)), ...segment(0xed, bytesOf(`Photoshop 3.0\0${SECRET}`)), ...FRAME, ...segment(0xda, [1, 1, 0]), ...SCAN, ...segment(0xfe, bytesOf(SECRET)), ...segment(0xda, [1, 2, 0]), ...SCAN, 0xff, 0xd9,
  ...bytesOf(`a film of the moment, taken at ${SECRET}`),
])
const jpegKept = (exif: number[]): number[] => [0xff, 0xd8, ...JFIF, ...exif, ...ICC, ...FRAME, ...segment(0xda, [1, 1, 0]), ...SCAN, ...segment(0xda, [1, 2, 0]), ...SCAN, 0xff, 0xd9]

const chunk = (type: string, data: Iterable<number>): number[] => {
  const bytes = [...data]
  return [...be32(bytes.length), ...bytesOf(type), ...bytes, 0, 0, 0, 0]
}
const PNG_BODY = [...chunk('iCCP', bytesOf('colours')), ...chunk('IDAT', [1, 2, 3]), ...chunk('IDAT', [4])]
const PNG_START = [...bytesOf('\x89PNG\r\n\x1a\n'), ...chunk('IHDR', [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])]
const png = (orientation: Orientation): Part => Uint8Array.from([...PNG_START, ...chunk('tEXt', bytesOf(`Comment\0${SECRET}`)), ...chunk('eXIf', camera(orientation)), ...PNG_BODY, ...chunk('tIME', [1]), ...chunk('zzZz', bytesOf(SECRET)), ...chunk('IEND', []), ...bytesOf(SECRET)])

const riff = (type: string, data: Iterable<number>): number[] => {
  const bytes = [...data]
  return [...bytesOf(type), ...le32(bytes.length), ...bytes, ...(bytes.length % 2 === 1 ? [0] : [])]
}
const file = (chunks: readonly number[]): Part => Uint8Array.from([...bytesOf('RIFF'), ...le32(chunks.length + 4), ...bytesOf('WEBP'), ...chunks])
const webp = (orientation: Orientation, prefix = ''): Part => Uint8Array.from([...file([...riff('VP8X', [0x2c, 0, 0, 0, 0, 0, 0, 0, 0, 0]), ...riff('ICCP', [1, 2, 3]), ...riff('VP8 ', [5, 6, 7]), ...riff('EXIF', [...bytesOf(prefix), ...camera(orientation)]), ...riff('XMP ', bytesOf(SECRET))]), ...bytesOf(SECRET)])

describe('photos without their details', () => {
  it('the tests themselves put a place into every photo', () => {
    for (const photo of [jpeg(1), png(1), webp(1)]) expect(text(photo)).toContain(SECRET)
    expect(orientationOf(camera(6))).toBe(6)
  })

  it('JPEG: nothing is left but the picture and its colours, byte by byte, whatever stands between scans and behind the end', () => {
    expect([...whole(plainJpeg(jpeg(1)))]).toEqual(jpegKept([]))
  })

  it('PNG: texts, times, Exif and unknown chunks go, and what stands behind the end', () => {
    expect([...whole(plainPng(png(1)))]).toEqual([...PNG_START, ...PNG_BODY, ...chunk('IEND', [])])
  })

  it('WebP: Exif and XMP go, and nothing says that they are there', () => {
    expect([...whole(plainWebp(webp(1)))]).toEqual([...file([...riff('VP8X', [0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0]), ...riff('ICCP', [1, 2, 3]), ...riff('VP8 ', [5, 6, 7])])])
    // One without flags has nothing to go.
    const simple = file(riff('VP8L', [1, 2, 3, 4]))
    expect(whole(plainWebp(simple))).toEqual(simple)
  })

  it.each([3, 6, 8] as const)('keep how they are turned (%i), and of the Exif nothing else', (orientation) => {
    const exif = exifOf(orientation)
    expect(orientationOf(exif)).toBe(orientation)
    expect([...whole(plainJpeg(jpeg(orientation)))]).toEqual(jpegKept(segment(0xe1, [...bytesOf('Exif\0\0'), ...exif])))
    const turned = [whole(plainPng(png(orientation))), whole(plainWebp(webp(orientation))), whole(plainWebp(webp(orientation, 'Exif\0\0')))]
    for (const photo of turned) {
      expect(text(photo)).toContain(text(exif))
      expect(text(photo)).not.toContain('GPS')
    }
    expect(text(turned[0] ?? new Uint8Array())).toMatch(/IHDR[^]*eXIf[^]*IDAT/)
  })

  it('the checksum of what is added to a PNG is the one of the standard', () => {
    const photo = whole(plainPng(png(6)))
    const at = text(photo).indexOf('eXIf')
    // Of the chunk eXIf with 26 bytes that say 6, by zlib.
    expect([...photo.subarray(at + 30, at + 34)]).toEqual(be32(0xd6674b69))
  })

  it('of any beginning of a photo, and of any photo with a wrong byte, nothing throws, and the place never stays in what is given', () => {
    for (const [plain, photo] of [[plainJpeg, jpeg(6)], [plainPng, png(6)], [plainWebp, webp(6)]] as const) {
      for (let length = 0; length < photo.length; length++) expect(text(whole(plain(photo.slice(0, length))))).not.toContain(SECRET)
      for (let at = 0; at < photo.length; at++) {
        const wrong = photo.slice()
        wrong[at] = (wrong[at] ?? 0) ^ 0x81
        expect(() => plain(wrong)).not.toThrow()
      }
    }
  })

  it('are told by their bytes; what cannot be read is refused, and other files are left alone', async () => {
    const of = (bytes: Part, size = bytes.length): Parameters<typeof plainFile>[0] => ({ size, read: (from, to) => Promise.resolve(bytes.slice(from, to)) })
    const plain = await plainFile(of(jpeg(1)))
    expect([plain?.type, [...whole(plain?.pieces.filter((piece) => piece instanceof Uint8Array))]]).toEqual(['image/jpeg', jpegKept([])])
    for (const other of ['a text', 'The free fall of a stone', 'GIF89a, with a comment', '']) expect(await plainFile(of(bytesOf(other)))).toBeUndefined()
    for (const broken of [of(Uint8Array.of(0xff, 0xd8, 0xff, 0xe1, 0)), of(jpeg(1), PHOTO_BYTES_MAX + 1), of(bytesOf('\0\0\0\x18ftypheic\0\0\0\0mif1heic')), of(bytesOf('\0\0\0\x18ftypavif\0\0\0\0mif1miaf'))]) {
      await expect(plainFile(broken)).rejects.toMatchObject({ code: 'files.keeps_details' })
    }
  })
})
