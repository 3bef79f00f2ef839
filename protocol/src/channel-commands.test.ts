import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCbor, type CborValue } from './cbor.js'
import * as commands from './channel-commands.js'
import { isEvegramError } from './errors.js'
import { FRAME_HEADER_BYTES } from './frame.js'
import { parseConversationId } from './ids.js'
import { LIMITS } from './limits.js'

const channel = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => parseConversationId(Buffer.from(bytes).toString('hex')))
const seq = fc.maxSafeNat()
const head = fc.uint8Array({ minLength: 32, maxLength: 32 })

interface Command<Value> {
  readonly values: fc.Arbitrary<Value>
  encode(value: Value): Uint8Array
  decode(body: Uint8Array): Value
}
// Each row is checked here; the list forgets the type of the value so that one loop can run all rows.
const command = <Value>(row: Command<Value>): Command<unknown> => row

const COMMANDS: Readonly<Record<string, Command<unknown>>> = {
  readChannel: command({ values: fc.record({ channel, after: seq }), encode: commands.encodeReadChannel, decode: commands.decodeReadChannel }),
  unfollow: command({ values: fc.record({ channel }), encode: commands.encodeUnfollow, decode: commands.decodeUnfollow }),
  channelHead: command({ values: fc.record({ channel, seq, head }), encode: commands.encodeChannelHead, decode: commands.decodeChannelHead }),
  channelPage: command({
    values: fc.record({ channel, seq, head, posts: fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 5 }) }),
    encode: commands.encodeChannelPage, decode: commands.decodeChannelPage,
  }),
}

describe.each(Object.entries(COMMANDS))('%s', (_name, row) => {
  it('comes back as it was', () => {
    fc.assert(fc.property(row.values, (value) => {
      expect(row.decode(row.encode(value))).toEqual(value)
    }))
  })

  it('with any byte changed, cut anywhere or made of any bytes fails with an error code, or is a value that stays the same', () => {
    fc.assert(fc.property(row.values, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), fc.uint8Array({ maxLength: 120 }), (value, at, flip, cut, noise) => {
      const changed = row.encode(value).slice()
      changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ flip
      for (const body of [changed, row.encode(value).subarray(0, cut % changed.length), noise]) {
        try {
          const read = row.decode(body)
          expect(row.decode(row.encode(read))).toEqual(read)
        } catch (cause) {
          if (!isEvegramError(cause)) throw cause
        }
      }
    }), { numRuns: 150 })
  })
})

describe('bodies of the frames of channels', () => {
  const refused = expect.objectContaining({ code: 'invalid.request' }) as Error
  const id = new Uint8Array(16)

  it('are refused with fields that are missing, too short, too long or of another type', () => {
    const good = { channel: id, after: 0, seq: 0, head: new Uint8Array(32), posts: [] }
    const strange: readonly Record<string, CborValue>[] = [{ channel: new Uint8Array(15) }, { channel: new Uint8Array(17) }, { channel: 'text' }]
    for (const change of strange) for (const row of Object.values(COMMANDS)) expect(() => row.decode(encodeCbor({ ...good, ...change }))).toThrow(refused)
    for (const after of [-1, 2n ** 53n, 'text']) expect(() => commands.decodeReadChannel(encodeCbor({ ...good, after }))).toThrow(refused)
    for (const change of [{ seq: -1 }, { seq: null }, { head: new Uint8Array(31) }, { head: 1 }]) {
      expect(() => commands.decodeChannelHead(encodeCbor({ ...good, ...change }))).toThrow(refused)
      expect(() => commands.decodeChannelPage(encodeCbor({ ...good, ...change }))).toThrow(refused)
    }
    for (const posts of [1, ['text'], [1], [[]], { a: 1 }]) expect(() => commands.decodeChannelPage(encodeCbor({ ...good, posts }))).toThrow(refused)
    for (const row of Object.values(COMMANDS)) expect(() => row.decode(encodeCbor({}))).toThrow(refused)
  })

  it('of newer servers and clients are read without the fields that this version does not know', () => {
    expect(commands.decodeUnfollow(encodeCbor({ channel: id, colour: 'blue' }))).toEqual({ channel: '00'.repeat(16) })
    expect(commands.decodeChannelPage(encodeCbor({ channel: id, seq: 0, head: new Uint8Array(32), posts: [], colour: 'blue' })).posts).toEqual([])
  })

  it('hold at most so many posts, and a full page fits a frame', () => {
    const page = { channel: parseConversationId('00'.repeat(16)), seq: Number.MAX_SAFE_INTEGER, head: new Uint8Array(32) }
    const short = Array.from({ length: commands.CHANNEL_PAGE_POSTS_MAX }, () => new Uint8Array(1))
    expect(commands.decodeChannelPage(commands.encodeChannelPage({ ...page, posts: short })).posts).toHaveLength(commands.CHANNEL_PAGE_POSTS_MAX)
    expect(() => commands.decodeChannelPage(commands.encodeChannelPage({ ...page, posts: [...short, new Uint8Array(1)] }))).toThrow(refused)
    const posts = Array.from({ length: commands.CHANNEL_PAGE_POSTS_MAX }, () => new Uint8Array(LIMITS.pageBytesMax / commands.CHANNEL_PAGE_POSTS_MAX))
    expect(FRAME_HEADER_BYTES + commands.encodeChannelPage({ ...page, posts }).length).toBeLessThan(LIMITS.frameBytesMax)
    expect(LIMITS.channelPostBytesMax).toBeLessThan(LIMITS.pageBytesMax)
  })
})
