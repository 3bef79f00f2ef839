import { CborFields, concatBytes, decodeCbor, encodeCbor, EvegramError, utf8, type CborValue } from '@evegram/protocol'

/** Version of archives that is written. Version 1, which is still read, has no registers and no requests. */
export const ARCHIVE_VERSION = 2
/** First bytes of an archive: seven letters and the version. */
export const ARCHIVE_MAGIC: Uint8Array = concatBytes(utf8('EVGARCH'), Uint8Array.of(ARCHIVE_VERSION))
/** Bytes of one record at most: the row of a channel with the log of its authors is the longest. */
export const ARCHIVE_RECORD_BYTES_MAX = 4 * 1_048_576
const LENGTH_BYTES = 4

/** A record of an archive: its type and the fields that it has. Unknown fields are kept. */
export interface ArchiveRecord {
  readonly type: string
  readonly fields: Readonly<Record<string, CborValue>>
}

/** `invalid.archive`, saying what does not fit. */
export function archiveFault(expected: string, cause?: unknown): EvegramError {
  return new EvegramError('invalid.archive', { operation: 'read archive', details: { expected }, cause })
}

/** Bytes of a record: its length in 4 bytes, big-endian, and a map in deterministic CBOR. Throws `invalid.archive` for one over the limit. */
export function encodeRecord({ type, fields }: ArchiveRecord): Uint8Array<ArrayBuffer> {
  const body = encodeCbor({ ...fields, type })
  if (body.length > ARCHIVE_RECORD_BYTES_MAX) throw archiveFault('a shorter record')
  const bytes = new Uint8Array(LENGTH_BYTES + body.length)
  new DataView(bytes.buffer).setUint32(0, body.length)
  bytes.set(body, LENGTH_BYTES)
  return bytes
}

function decodeRecord(body: Uint8Array): ArchiveRecord {
  try {
    const value = decodeCbor(body, ARCHIVE_RECORD_BYTES_MAX)
    const type = new CborFields(value, 'invalid.archive').text('type', 32)
    // CborFields refused everything but a map.
    const { type: _type, ...fields } = value as Readonly<Record<string, CborValue>>
    return { type, fields }
  } catch (cause) {
    throw archiveFault('a record', cause)
  }
}

/** Bytes that come in pieces of any length, taken in pieces of a wanted one. Holds one piece and what is wanted. */
class Intake {
  readonly #source: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** `length` bytes; fewer only at the end. */
  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let missing = length
    while (missing > 0) {
      if (this.#held.length === 0) {
        const next = await this.#source.next()
        if (next.done === true) break
        this.#held = next.value
      }
      const part = this.#held.subarray(0, missing)
      this.#held = this.#held.subarray(part.length)
      parts.push(part)
      missing -= part.length
    }
    return concatBytes(...parts)
  }

  async end(): Promise<void> {
    await this.#source.return?.()
  }
}

/**
 * The records of an archive whose bytes come in pieces of any length, one at a time, in constant memory. Throws `invalid.archive` for bytes that are no
 * archive, end in the middle of a record or before the record `end`, or go on behind it; `incompatible.schema` for an archive of a newer version.
 */
export async function* readRecords(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveRecord> {
  const intake = new Intake(bytes)
  try {
    const magic = await intake.take(ARCHIVE_MAGIC.length)
    if (magic.length < ARCHIVE_MAGIC.length || ARCHIVE_MAGIC.subarray(0, -1).some((byte, index) => byte !== magic[index])) throw archiveFault('an archive')
    const version = magic.at(-1) ?? 0
    if (version === 0) throw archiveFault('an archive')
    if (version > ARCHIVE_VERSION) throw new EvegramError('incompatible.schema', { operation: 'read archive', details: { found: version, supported: ARCHIVE_VERSION } })
    for (;;) {
      const head = await intake.take(LENGTH_BYTES)
      if (head.length < LENGTH_BYTES) throw archiveFault('a record "end"')
      const length = new DataView(head.buffer, head.byteOffset).getUint32(0)
      if (length > ARCHIVE_RECORD_BYTES_MAX) throw archiveFault('a shorter record')
      const body = await intake.take(length)
      if (body.length < length) throw archiveFault('a whole record')
      const record = decodeRecord(body)
      yield record
      if (record.type !== 'end') continue
      if ((await intake.take(1)).length > 0) throw archiveFault('nothing behind the end')
      return
    }
  } finally {
    await intake.end()
  }
}
