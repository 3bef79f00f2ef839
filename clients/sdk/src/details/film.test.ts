import { describe, expect, it } from 'vitest'
import { boxesIn } from './boxes.js'
import { bytesOf, type Part } from './parts.js'
import { plainFile } from './plain-file.js'
import type { SeekableFile } from './seekable-file.js'

const SECRET = '+60.1699+024.9384/ a camera of somebody'
const be32 = (value: number): number[] => [value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]
const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
const box = (type: string, ...content: readonly Iterable<number>[]): number[] => {
  const bytes = content.flatMap((part) => [...part])
  return [...be32(bytes.length + 8), ...bytesOf(type), ...bytes]
}
const numbers = (...values: readonly number[]): number[] => values.flatMap(be32)

/** Three times that say when it was made. */
const WHEN = numbers(3_800_000_000, 3_800_000_001)
const header = (type: string): number[] => box(type, [0, 0, 0, 0], WHEN, numbers(1, 90_000, 0, 0))
const handler = (type: string): number[] => box('hdlr', numbers(0, 0), bytesOf(type), bytesOf('appl'), numbers(0, 0), bytesOf(`${SECRET}\0`))
const APPLE = box('meta', handler('mdta'), box('keys', numbers(0, 1), bytesOf('com.apple.quicktime.location.ISO6709')), box('ilst', bytesOf(SECRET)))
const USER = box('udta', box('\xa9xyz', [0, 30, 0x15, 0xc7], bytesOf(SECRET)), box('loci', bytesOf(SECRET)), APPLE)

/** A track whose chunks (of two samples each) stand at these places. */
function track(type: string, places: readonly number[], sizes: readonly number[]): number[] {
  const tables = box('stbl', box('stsd', numbers(0, 0)), box('stts', numbers(0, 0)), box('stsc', numbers(0, 1), numbers(1, 2, 1)), box('stsz', numbers(0, 0, sizes.length, ...sizes)), box('stco', numbers(0, places.length, ...places)))
  return box('trak', header('tkhd'), box('tref', numbers(1)), box('meta', bytesOf(SECRET)), box('mdia', header('mdhd'), handler(type), box('minf', handler('alis'), box('dinf', numbers(0)), tables)), USER)
}

interface Made {
  readonly bytes: Part
  /** Where the samples of each track stand. */
  readonly pictures: readonly number[]
  readonly places: readonly number[]
}

const PICTURES = bytesOf('pictures and sound, ')
const PLACES = bytesOf(`${SECRET}!`)

/** A film as phones make it: metadata in all places, and a track that says where it was at every moment, between the pictures. */
function film({ brand = 'qt  ', isOpen = false, tail = [] as readonly number[], more = [] as readonly number[] } = {}): Made {
  const start = [...box('ftyp', bytesOf(brand), numbers(0), bytesOf(brand)), ...box('wide'), ...box('free', bytesOf(SECRET)), ...box('uuid', bytesOf(`XMP ${SECRET}`))]
  const first = start.length + 8
  const media = [...PICTURES, ...PLACES, ...PICTURES, ...PLACES]
  const chunk = PICTURES.length + PLACES.length
  const pictures = [first, first + chunk]
  const places = pictures.map((at) => at + PICTURES.length)
  const half = (length: number): number[] => [3, length - 3, 3, length - 3]
  const movie = box('moov', header('mvhd'), track('vide', pictures, half(PICTURES.length)), track('meta', places, half(PLACES.length)), USER, APPLE, box('uuid', bytesOf(SECRET)), box('free', bytesOf(SECRET)), more)
  if (isOpen) movie.splice(0, 4, 0, 0, 0, 0)
  return { bytes: Uint8Array.from([...start, ...box('mdat', media), ...tail, ...movie]), pictures, places }
}

const of = (bytes: Part): SeekableFile => ({ size: bytes.length, read: (from, to) => Promise.resolve(bytes.slice(from, to)) })
async function plain(bytes: Part): Promise<Part> {
  const made = await plainFile(of(bytes))
  return Uint8Array.from((made?.pieces ?? []).flatMap((piece) => [...(piece instanceof Uint8Array ? piece : bytes.subarray(piece.from, piece.to))]))
}
/** All boxes with what they are in, as far as a player looks. */
function tree(bytes: Uint8Array, from = 0, to = bytes.length, path = ''): string[] {
  return (boxesIn(bytes, from, to) ?? []).flatMap(({ type, body, end }) => [`${path}${type}`, ...(['moov', 'trak', 'mdia', 'minf', 'stbl'].includes(type) ? tree(bytes, body, end, `${path}${type}/`) : [])])
}

describe('films without their details', () => {
  it('the test itself puts the place and the camera everywhere', () => {
    expect(text(film().bytes).split('+60.1699').length).toBeGreaterThan(15)
  })

  it.each([['qt  ', 'video/quicktime'], ['isom', 'video/mp4'], ['mp42', 'video/mp4']])('%s: no place, camera or time is left, and every picture is the same, where it was', async (brand, type) => {
    const made = film({ brand })
    expect((await plainFile(of(made.bytes)))?.type).toBe(type)
    const left = await plain(made.bytes)
    expect(left.length).toBe(made.bytes.length)
    for (const part of ['+60', 'camera', 'location', 'XMP', 'appl', text(Uint8Array.from(WHEN.slice(0, 4)))]) expect(text(left)).not.toContain(part)
    for (const at of made.pictures) expect(text(left.subarray(at, at + PICTURES.length))).toBe(text(PICTURES))
    for (const at of made.places) expect(left.subarray(at, at + PLACES.length).every((byte) => byte === 0)).toBe(true)
    const boxes = tree(left)
    expect(boxes.filter((path) => !path.endsWith('free'))).toEqual([
      'ftyp', 'mdat', 'moov', 'moov/mvhd', 'moov/trak', 'moov/trak/tkhd', 'moov/trak/mdia', 'moov/trak/mdia/mdhd', 'moov/trak/mdia/hdlr', 'moov/trak/mdia/minf', 'moov/trak/mdia/minf/hdlr', 'moov/trak/mdia/minf/dinf',
      'moov/trak/mdia/minf/stbl', ...['stsd', 'stts', 'stsc', 'stsz', 'stco'].map((name) => `moov/trak/mdia/minf/stbl/${name}`),
    ])
    // What tells pictures from sound stays.
    expect(text(left)).toContain('vide')
  })

  it('is one thing done: again it changes nothing', async () => {
    const once = await plain(film().bytes)
    expect(await plain(once)).toEqual(once)
  })

  it('takes boxes that go on to the end, and lengths of 64 bits', async () => {
    const open = film({ isOpen: true })
    expect(text(await plain(open.bytes))).not.toContain('+60')
    const long = film({ tail: [...numbers(1), ...bytesOf('skip'), ...numbers(0, 16 + SECRET.length), ...bytesOf(SECRET)] })
    const left = await plain(long.bytes)
    expect([left.length, text(left).includes('+60')]).toEqual([long.bytes.length, false])
  })

  it('of a film in fragments the pictures stay; one whose places are in fragments is refused', async () => {
    const fragment = [...box('moof', box('mfhd', numbers(0, 1)), box('traf', box('tfhd', numbers(0, 1)), box('udta', bytesOf(SECRET)), box('trun', numbers(0, 0))), box('uuid', bytesOf(SECRET))), ...box('mdat', PICTURES)]
    const whole = Uint8Array.from([...box('ftyp', bytesOf('iso5'), numbers(0), bytesOf('iso5')), ...box('moov', header('mvhd'), track('vide', [], []), USER), ...fragment])
    const left = await plain(whole)
    expect([text(left).includes('+60'), text(left).includes(text(PICTURES)), text(left).includes('trun')]).toEqual([false, true, true])
    await expect(plainFile(of(film({ tail: fragment }).bytes))).rejects.toMatchObject({ code: 'files.keeps_details' })
  })

  it('refuses what would leave the place in it, or nothing to see', async () => {
    const made = film()
    const at = (part: string, from = 0): number => text(made.bytes).indexOf(part, from)
    const changed = (place: number, ...bytes: readonly number[]): Part => { const other = made.bytes.slice(); other.set(bytes, place); return other }
    const lastOffsets = text(made.bytes).lastIndexOf('stco')
    for (const [what, bytes] of Object.entries({
      'no movie': changed(at('moov'), ...bytesOf('mooo')), 'two movies': Uint8Array.from([...made.bytes, ...box('moov', header('mvhd'))]), 'cut': made.bytes.slice(0, -3),
      'no picture': changed(at('vide'), ...bytesOf('meta')), 'places outside of the media': changed(lastOffsets + 12, ...be32(2)), 'places behind the end': changed(lastOffsets + 12, ...be32(1 << 30)),
      'samples in no chunk': changed(text(made.bytes).lastIndexOf('stsc') + 16, ...be32(1)), 'more samples than sizes': changed(text(made.bytes).lastIndexOf('stsz') + 12, ...be32(40)), 'a movie that is compressed': Uint8Array.from([...box('ftyp', bytesOf('qt  '), numbers(0), bytesOf('qt  ')), ...box('moov', box('cmov', bytesOf(SECRET)))]),
    })) await expect(plainFile(of(bytes)), what).rejects.toMatchObject({ code: 'files.keeps_details' })
  })

  it('of any beginning of a film, and of any film with a wrong byte in its description, the place is never in what is given unless it was media', async () => {
    const made = film()
    for (let length = 0; length < made.bytes.length; length += 7) {
      await plainFile(of(made.bytes.slice(0, length))).catch((failure: unknown) => { expect(failure).toMatchObject({ code: 'files.keeps_details' }) })
    }
    const from = text(made.bytes).indexOf('moov') - 4
    for (let at = from; at < made.bytes.length; at += 3) {
      const wrong = made.bytes.slice()
      wrong[at] = (wrong[at] ?? 0) ^ 0x81
      const pieces = (await plainFile(of(wrong)).catch((failure: unknown) => { expect(failure).toMatchObject({ code: 'files.keeps_details' }); return undefined }))?.pieces ?? []
      const described = pieces.filter((piece) => piece instanceof Uint8Array).map(text).join('')
      expect(described).not.toContain('+60.1699+024.9384')
    }
  })
})
