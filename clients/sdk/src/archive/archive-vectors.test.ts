import { describe, expect, it } from 'vitest'
import { bytesOfHex, concatBytes, encodeCbor, hexOf, readRegister, registerValue, utf8, type CborValue } from '@evegram/protocol'
import { ARCHIVE_MAGIC, encodeRecord, readRecords, type ArchiveRecord } from './archive-frame.js'

const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)
const ACCOUNT = id(0xa1)
const PEER = id(0xb2)
const DEVICE = id(0xd1)
const CONVERSATION = id(0xc0)

/** A register that two devices wrote without knowing of each other: {@link registerValue} of it. */
const REGISTER: CborValue = ['setting/theme', [[DEVICE, 3]], [[id(0xd3), 1, 1_799_999_999_000, encodeCbor('dark')], [id(0xd4), 2, 1_799_999_999_500, encodeCbor('light')]]]

/** One record of each type; rows of other parts are shown as the bytes that they are. */
const RECORDS: readonly ArchiveRecord[] = [
  { type: 'begin', fields: { account: ACCOUNT, device: DEVICE, domain: 'chat.example', serverId: 'f00d', madeAtMs: 1_800_000_000_000 } },
  { type: 'register', fields: { register: encodeCbor(REGISTER) } },
  { type: 'verified', fields: { account: PEER, wallets: ['terra:columbus-5:terra1vectors'], devices: [id(0xd2)] } },
  { type: 'group', fields: { conversation: id(0xc1), row: encodeCbor({ note: 'a row of a group' }) } },
  {
    type: 'conversation',
    fields: {
      conversation: CONVERSATION, peer: PEER, members: [ACCOUNT, PEER], membershipVersion: 1, opened: true, createdAtMs: 1_799_999_999_000,
      activeAtMs: 1_800_000_000_000, floor: 117_964_800_000_000_000n,
    },
  },
  { type: 'request', fields: { conversation: id(0xc3), account: id(0xb3), group: false, firstAtMs: 1_799_999_999_900, dropped: 0 } },
  {
    type: 'message',
    fields: {
      conversation: CONVERSATION, from: 'terra1vectors', account: PEER, device: id(0xd2), out: false, kind: 'text', text: 'hello 🐙', order: 117_964_800_000_000_000n, epoch: 1,
      number: 1, sentAtMs: 1_799_999_999_500, receivedAtMs: 1_800_000_000_000, gap: false, chain: new Uint8Array(32).fill(0xcc), mood: 'a field of a newer version',
    },
  },
  { type: 'gap', fields: { conversation: CONVERSATION, account: PEER, device: id(0xd2), epoch: 1, from: 2, to: 3, reason: 'withheld' } },
  { type: 'post', fields: { channel: id(0xc2), seq: 1, by: PEER, from: 'terra1vectors', atMs: 1_800_000_000_000, kind: 0, text: 'news' } },
  { type: 'channel_gap', fields: { channel: id(0xc2), from: 2, to: 4, expired: true } },
  { type: 'channel', fields: { channel: id(0xc2), row: encodeCbor({ note: 'a row of a channel' }), log: encodeCbor({ note: 'the log of its authors' }) } },
  { type: 'end', fields: { records: 11, messages: 1 } },
]

/** The same as the first version wrote it: without registers and requests. */
const VERSION_1: readonly ArchiveRecord[] = [
  ...RECORDS.filter(({ type }) => type !== 'register' && type !== 'request' && type !== 'end'), { type: 'end', fields: { records: 9, messages: 1 } },
]

/** As JSON shows it: bytes as {hex}, large numbers as text. */
function view(value: CborValue): unknown {
  if (value instanceof Uint8Array) return { hex: hexOf(value) }
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(view)
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, view(part)]))
  return value
}

async function recordsOf(bytes: Uint8Array): Promise<readonly ArchiveRecord[]> {
  const read: ArchiveRecord[] = []
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (const byte of bytesOfHex(hexOf(bytes))) yield await Promise.resolve(Uint8Array.of(byte))
  }
  for await (const record of readRecords(pieces())) read.push(record)
  return read
}

describe('the archive vectors', () => {
  it('are what this version writes and reads: protocol/vectors/archive.json', async () => {
    const bytes = concatBytes(ARCHIVE_MAGIC, ...RECORDS.map(encodeRecord))
    const first = concatBytes(utf8('EVGARCH'), Uint8Array.of(1), ...VERSION_1.map(encodeRecord))
    expect(await recordsOf(bytes)).toEqual(RECORDS)
    expect(await recordsOf(first)).toEqual(VERSION_1)
    expect(registerValue(readRegister(REGISTER))).toEqual(REGISTER)
    const vectors = {
      format: 'evegram-vectors/1',
      about: 'An archive of version 2: the magic, then records, each with its length in 4 bytes before a map in deterministic CBOR. docs/e2ee.md has the types. version1 is one as the first version wrote it, without registers and requests: it is still read.',
      magic: hexOf(ARCHIVE_MAGIC),
      records: RECORDS.map((record) => ({ type: record.type, hex: hexOf(encodeRecord(record)), fields: view(record.fields) })),
      archive: hexOf(bytes),
      version1: hexOf(first),
    }
    await expect(`${JSON.stringify(vectors, undefined, 1)}\n`).toMatchFileSnapshot('../../../../protocol/vectors/archive.json')
  })
})
