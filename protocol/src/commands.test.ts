import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes, hexOf, lengthPrefixed } from './bytes.js'
import { encodeCbor } from './cbor.js'
import * as commands from './commands.js'
import type { AccountVersion } from './envelope.js'
import { ERROR_CODES, isEvegramError, type ErrorCode } from './errors.js'
import * as hello from './hello.js'
import { parseAccountId, parseConversationId, parseDeviceId } from './ids.js'
import { LIMITS } from './limits.js'

const hexId = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const account = hexId.map(parseAccountId)
const device = hexId.map(parseDeviceId)
const conversation = hexId.map(parseConversationId)
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ unit: 'binary', maxLength }).filter((value) => value.length <= maxLength && !/\p{Surrogate}/u.test(value))
const timeMs = fc.nat(2 ** 48 - 1)
const uint32 = fc.nat(0xffffffff)
const position = fc.record({ timeMs, incarnation: uint32, counter: uint32 })
const versions: fc.Arbitrary<AccountVersion[]> = fc.array(fc.record({ account, seq: uint32 }), { maxLength: 4 })
const delivery = fc.record({ position, envelope: fc.uint8Array({ maxLength: 60 }) })
const optional = <T extends object>(shape: fc.Arbitrary<T>): fc.Arbitrary<T | object> => fc.option(shape, { nil: {} })

interface Command<Value> {
  readonly values: fc.Arbitrary<Value>
  encode(value: Value): Uint8Array
  decode(body: Uint8Array): Value | undefined
}
// Each row is checked here; the list forgets the type of the value so that one loop can run all rows.
const command = <Value>(row: Command<Value>): Command<unknown> => row

const COMMANDS: Readonly<Record<string, Command<unknown>>> = {
  challenge: command({
    values: fc.record({ nonce: bytes32, serverTimeMs: timeMs, protocolMin: fc.nat(255), protocolMax: fc.nat(255) }),
    encode: hello.encodeChallenge, decode: hello.decodeChallenge,
  }),
  hello: command({
    values: fc.record({ account, device, token: text(200), clientNonce: bytes32, signature: fc.uint8Array({ minLength: 64, maxLength: 64 }), agent: text(64) }),
    encode: hello.encodeHello, decode: hello.decodeHello,
  }),
  welcome: command<hello.Welcome>({
    values: fc.tuple(fc.record({ serverTimeMs: timeMs, connection: text(64), heartbeatMs: uint32, retentionMs: timeMs }), optional(fc.record({ signals: fc.boolean() })))
      .map(([base, signals]) => ({ ...base, ...signals })),
    encode: hello.encodeWelcome, decode: hello.decodeWelcome,
  }),
  open: command({ values: fc.record({ peer: account }), encode: commands.encodeOpen, decode: commands.decodeOpen }),
  opened: command({
    values: fc.record({ conversation, membershipVersion: uint32, members: versions }), encode: commands.encodeOpened, decode: commands.decodeOpened,
  }),
  read: command({
    values: fc.record({ conversation, after: position, limit: fc.integer({ min: 1, max: LIMITS.pageEnvelopesMax }) }), encode: commands.encodeRead, decode: commands.decodeRead,
  }),
  catchUp: command<commands.CatchUp>({
    values: fc.oneof(fc.record({ sinceMs: timeMs }), fc.record({ token: fc.uint8Array({ maxLength: 64 }) })), encode: commands.encodeCatchUp, decode: commands.decodeCatchUp,
  }),
  delivery: command({ values: delivery, encode: commands.encodeDelivery, decode: commands.decodeDelivery }),
  page: command<commands.Page>({
    values: fc.tuple(
      fc.record({ deliveries: fc.array(delivery, { maxLength: 5 }), more: fc.boolean() }),
      optional(fc.record({ token: fc.uint8Array({ maxLength: 64 }) })), optional(fc.record({ discontinuityMs: timeMs })),
    ).map(([base, token, discontinuity]) => ({ ...base, ...token, ...discontinuity })),
    encode: commands.encodePage, decode: commands.decodePage,
  }),
  acks: command({ values: fc.array(fc.record({ correlation: uint32, position }), { minLength: 1, maxLength: 5 }), encode: commands.encodeAcks, decode: commands.decodeAcks }),
  deviceAck: command({ values: fc.record({ committed: uint32, cursorMs: timeMs }), encode: commands.encodeDeviceAck, decode: commands.decodeDeviceAck }),
  synced: command({ values: timeMs, encode: commands.encodeSynced, decode: commands.decodeSynced }),
  failure: command<commands.Failure>({
    values: fc.tuple(
      fc.record({ code: fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])), message: text(200) }),
      optional(fc.record({ retryAfterMs: uint32 })), optional(fc.record({ accounts: versions })), optional(fc.record({ missing: fc.array(device, { maxLength: 4 }) })),
    ).map(([base, retry, accounts, missing]) => ({ ...base, ...retry, ...accounts, ...missing })),
    encode: commands.encodeFailure, decode: commands.decodeFailure,
  }),
  notice: command<commands.Notice>({
    values: fc.oneof(
      fc.record({ kind: fc.constant('account_changed' as const), account, seq: uint32 }), fc.record({ kind: fc.constant('draining' as const), spreadMs: uint32 }),
      fc.record({ kind: fc.constant('prekeys_low' as const), remaining: uint32 }),
    ),
    encode: commands.encodeNotice, decode: commands.decodeNotice,
  }),
}

function attempt(row: Command<unknown>, body: Uint8Array): { readonly value: unknown } | { readonly cause: unknown } {
  try {
    return { value: row.decode(body) }
  } catch (cause) {
    return { cause }
  }
}

describe.each(Object.entries(COMMANDS))('%s', (_name, row) => {
  it('comes back as it was', () => {
    fc.assert(fc.property(row.values, (value) => {
      expect(row.decode(row.encode(value))).toEqual(value)
    }))
  })

  it('with any byte changed, cut anywhere or made of any bytes fails with an error code, or is a value that stays the same', () => {
    const noise = fc.uint8Array({ maxLength: 120 })
    fc.assert(fc.property(row.values, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), noise, (value, at, flip, cut, random) => {
      const changed = row.encode(value).slice()
      changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ flip
      for (const body of [changed, row.encode(value).subarray(0, cut % changed.length), random]) {
        const read = attempt(row, body)
        if ('cause' in read) expect(isEvegramError(read.cause)).toBe(true)
        else if (read.value !== undefined) expect(row.decode(row.encode(read.value))).toEqual(read.value)
      }
    }), { numRuns: 300 })
  })
})

describe('binary command bodies', () => {
  it('have one form: what is read is written back byte for byte', () => {
    for (const name of ['delivery', 'acks', 'deviceAck', 'synced']) {
      const row = COMMANDS[name]
      if (row === undefined) throw new Error(name)
      fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (body) => {
        const read = attempt(row, body)
        if ('value' in read) expect(row.encode(read.value)).toEqual(body)
      }))
    }
  })

  it('refuse a length of a gigabyte without allocating', () => {
    const before = process.memoryUsage().arrayBuffers
    expect(() => commands.decodePage(Uint8Array.of(0x40, 0, 0, 0))).toThrow(expect.objectContaining({ code: 'invalid.frame' }))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })

  it('refuse an empty page and one with more deliveries than the limit', () => {
    expect(() => commands.decodePage(new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'invalid.frame' }))
    const deliveries = Array.from({ length: LIMITS.pageEnvelopesMax }, () => ({ position: { timeMs: 1, incarnation: 1, counter: 1 }, envelope: new Uint8Array(0) }))
    expect(commands.decodePage(commands.encodePage({ deliveries, more: false })).deliveries).toHaveLength(LIMITS.pageEnvelopesMax)
    const [first] = deliveries
    expect(() => commands.decodePage(commands.encodePage({ deliveries: first === undefined ? [] : [...deliveries, first], more: false })))
      .toThrow(expect.objectContaining({ code: 'invalid.frame' }))
  })

  it('cut fractions of a cursor off and refuse what is no time', () => {
    expect(commands.decodeSynced(commands.encodeSynced(1234.9))).toBe(1234)
    for (const time of [-1, Number.NaN, 2 ** 48]) {
      expect(() => commands.encodeSynced(time)).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
      expect(() => commands.encodeDeviceAck({ committed: 0, cursorMs: time })).toThrow(expect.objectContaining({ code: 'invalid.argument' }))
    }
  })
})

describe('bodies of newer servers', () => {
  it('are read without the fields that this version does not know', () => {
    const body = encodeCbor({ serverTimeMs: 1, connection: 'c', heartbeatMs: 2, retentionMs: 3, colour: 'blue' })
    expect(hello.decodeWelcome(body)).toEqual({ serverTimeMs: 1, connection: 'c', heartbeatMs: 2, retentionMs: 3 })
  })

  it('name unknown failures as internal, and unknown notices as nothing', () => {
    expect(commands.decodeFailure(encodeCbor({ code: 'limited.moon', message: 'wait' }))).toEqual({ code: 'internal', message: 'wait' })
    expect(commands.decodeNotice(encodeCbor({ kind: 'weather' }))).toBeUndefined()
  })
})

describe('a failure', () => {
  it('can always be told: long messages are cut, half surrogate pairs replaced, waits rounded up', () => {
    const told = commands.decodeFailure(commands.encodeFailure({ code: 'internal', message: `${'x'.repeat(511)}😀`, retryAfterMs: 0.2 }))
    expect(told).toEqual({ code: 'internal', message: `${'x'.repeat(511)}\ufffd`, retryAfterMs: 1 })
  })
})

describe('account versions', () => {
  it('are pairs of 16 bytes and an unsigned 32-bit number', () => {
    const good = new Uint8Array(16)
    for (const pair of [[good], [good, -1], [good, 2 ** 32], [good, 1, 1], [new Uint8Array(15), 1], [1, 1], 5, { a: 1 }]) {
      const body = encodeCbor({ conversation: good, membershipVersion: 1, members: [pair] })
      expect(() => commands.decodeOpened(body)).toThrow(expect.objectContaining({ code: 'invalid.request' }))
    }
  })
})

describe('helloBytes', () => {
  it('is the documented list of length-prefixed values', () => {
    const [serverNonce, clientNonce, tokenHash] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array, Uint8Array]
    const fields = { origin: 'https://chat.example', serverNonce, clientNonce, account: parseAccountId('0a'.repeat(16)), device: parseDeviceId('0b'.repeat(16)), tokenHash }
    const expected = lengthPrefixed(
      'evegram/hello/v1', 'https://chat.example', serverNonce, clientNonce, new Uint8Array(16).fill(10), new Uint8Array(16).fill(11), tokenHash,
    )
    expect(hexOf(hello.helloBytes(fields))).toBe(hexOf(expected))
    expect(hexOf(expected).startsWith('000000106576656772616d2f68656c6c6f2f7631')).toBe(true)
    expect(concatBytes(expected)).toHaveLength(7 * 4 + 16 + 20 + 96 + 32)
  })
})
