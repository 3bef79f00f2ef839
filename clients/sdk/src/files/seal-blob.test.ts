import { createDecipheriv, createHash } from 'node:crypto'
import fc from 'fast-check'
import { hchacha } from '@noble/ciphers/chacha.js'
import { describe, expect, it } from 'vitest'
import { BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES_MAX, BLOB_TAG_BYTES, hexOf, paddedLength, sealedBlobBytes } from '@evegram/protocol'
import { drained, inPieces, sampleContent } from './testing/sample-blob.js'
import { openBlob } from './open-blob.js'
import { sealBlob, type SealedBlob } from './seal-blob.js'

const key = Uint8Array.from({ length: 32 }, (_, index) => index)
const damaged = { code: 'e2ee.file_damaged' }

interface Sealed {
  readonly chunks: readonly Uint8Array[]
  readonly ref: SealedBlob
}

async function seal(content: Uint8Array, chunk = BLOB_CHUNK_BYTES): Promise<Sealed> {
  const { pieces, value } = await drained(sealBlob(inPieces(content, 50_000), { key, chunk }))
  return { chunks: pieces, ref: value }
}

const open = (chunks: readonly Uint8Array[], ref: SealedBlob): Promise<Uint8Array> =>
  drained(openBlob(inPieces(Uint8Array.from(Buffer.concat(chunks)), 60_001), ref)).then(({ bytes }) => bytes)

/** The same format by another implementation: HChaCha20 by hand into OpenSSL's ChaCha20-Poly1305 (draft-irtf-cfrg-xchacha section 2.3). */
function openElsewhere(chunks: readonly Uint8Array[], chunk: number): Uint8Array {
  const opened = chunks.map((sealed, index) => {
    const nonce = Buffer.alloc(24)
    nonce.write('evegram/blob/v1', 'ascii')
    nonce.writeUInt32BE(chunk, 15)
    nonce.writeUInt32BE(index, 19)
    nonce.writeUInt8(index === chunks.length - 1 ? 1 : 0, 23)
    const decipher = createDecipheriv('chacha20-poly1305', subkeyOf(nonce.subarray(0, 16)), Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]), { authTagLength: 16 })
    decipher.setAuthTag(sealed.subarray(sealed.length - 16))
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
  })
  return Uint8Array.from(Buffer.concat(opened))
}

function subkeyOf(nonce: Uint8Array): Uint8Array {
  const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(bytes).buffer)
  const out = new Uint32Array(8)
  hchacha(words(Buffer.from('expand 32-byte k')), words(key), words(nonce), out)
  return new Uint8Array(out.buffer)
}

describe('a sealed blob', () => {
  it('opens to what was sealed, whatever the size and however its bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 60_000, max: 300_000 })), fc.constantFrom(65_536, 131_072, 262_144), fc.integer({ min: 1_000, max: 400_000 }),
        async (size, chunk, pieceBytes) => {
          const content = sampleContent(size)
          const sealed = await drained(sealBlob(inPieces(content, pieceBytes), { key, chunk }))
          expect(sealed.bytes).toHaveLength(sealedBlobBytes(size, chunk))
          const opened = await drained(openBlob(inPieces(sealed.bytes, pieceBytes), sealed.value))
          expect(Buffer.compare(opened.bytes, content)).toBe(0)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('hides its size as padding does, and is what its digest says', async () => {
    const { chunks, ref } = await seal(sampleContent(70_000))
    expect(ref.size).toBe(70_000)
    expect(Buffer.concat(chunks)).toHaveLength(paddedLength(70_000) + 2 * BLOB_TAG_BYTES)
    expect(hexOf(ref.digest)).toBe(createHash('sha256').update(Buffer.concat(chunks)).digest('hex'))
  })

  it('opens in OpenSSL by the construction that docs/e2ee.md writes down', async () => {
    for (const [size, chunk] of [[0, BLOB_CHUNK_BYTES], [1_000, BLOB_CHUNK_BYTES], [300_000, BLOB_CHUNK_BYTES], [300_000, BLOB_CHUNK_BYTES_MAX]] as const) {
      const { chunks } = await seal(sampleContent(size), chunk)
      const expected = new Uint8Array(paddedLength(size))
      expected.set(sampleContent(size))
      expect(Buffer.compare(openElsewhere(chunks, chunk), expected), `${String(size)} bytes`).toBe(0)
    }
  })

  it('does not open with a chunk left out, doubled, moved, swapped, cut or added', async () => {
    const { chunks, ref } = await seal(sampleContent(200_000))
    const [a, b, c, d] = chunks as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    expect(chunks).toHaveLength(4)
    const forged: readonly (readonly Uint8Array[])[] = [
      [], [a], [a, b, c], [b, c, d], [a, c, d], [a, c, b, d], [a, a, b, c, d], [a, b, c, d, d], [a, b, c, d, new Uint8Array(1)], [a, b, c, d.subarray(0, -1)], [d], [d, a, b, c],
    ]
    for (const [index, pieces] of forged.entries()) await expect(open(pieces, ref), String(index)).rejects.toMatchObject(damaged)
    await expect(open(chunks, ref)).resolves.toHaveLength(200_000)
  })

  it('does not open when its last chunk is another blob\'s, or what is said of its size and chunks is not so', async () => {
    const { chunks, ref } = await seal(sampleContent(200_000))
    const other = await drained(sealBlob(inPieces(sampleContent(200_000), 9_999), { key: new Uint8Array(32).fill(1) }))
    await expect(open([...chunks.slice(0, -1), other.pieces[3]!], ref)).rejects.toMatchObject(damaged)
    await expect(open(other.pieces, ref)).rejects.toMatchObject(damaged)
    // 199,000 bytes are padded to the same length: the rest would have to be zeros.
    expect(paddedLength(199_999)).toBe(paddedLength(200_000))
    for (const lie of [{ ...ref, size: 199_999 }, { ...ref, size: 1 }, { ...ref, size: 0 }, { ...ref, size: 300_000 }, { ...ref, chunk: 131_072 }, { ...ref, digest: new Uint8Array(32) }]) {
      await expect(open(chunks, lie)).rejects.toMatchObject(damaged)
    }
  })

  it('does not open with any bit changed, and gives out nothing behind it', async () => {
    const { chunks, ref } = await seal(sampleContent(140_000))
    const bytes = Uint8Array.from(Buffer.concat(chunks))
    for (const at of [0, 65_535, 65_536, 65_551, 65_552, 131_103, 131_104, bytes.length - 17, bytes.length - 1]) {
      const changed = bytes.slice()
      changed[at]! ^= 0x80
      const got: Uint8Array[] = []
      await expect((async () => {
        for await (const content of openBlob(inPieces(changed, 1_000), ref)) got.push(content)
      })(), String(at)).rejects.toMatchObject(damaged)
      expect(Buffer.concat(got)).toHaveLength(Math.floor(at / (65_536 + 16)) * 65_536)
    }
  })

  it('keeps its last chunk to itself until the digest of all is right', async () => {
    const { chunks, ref } = await seal(sampleContent(140_000))
    const got: Uint8Array[] = []
    await expect((async () => {
      for await (const content of openBlob(inPieces(Uint8Array.from(Buffer.concat(chunks)), 1_000), { ...ref, digest: new Uint8Array(32) })) got.push(content)
    })()).rejects.toMatchObject(damaged)
    expect(Buffer.concat(got)).toHaveLength(131_072)
  })

  it('is refused another key length or chunk length', async () => {
    for (const options of [{ key: new Uint8Array(31) }, { key, chunk: 65_535 }, { key, chunk: 32_768 }, { key, chunk: 524_288 }, { key, chunk: 98_304 }]) {
      await expect(drained(sealBlob(inPieces(sampleContent(1), 1), options))).rejects.toThrow(expect.objectContaining({ code: 'invalid.argument' }))
    }
  })

  it('never reads more of a stream than the blob has', async () => {
    const { chunks, ref } = await seal(sampleContent(1_000))
    let given = 0
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Uint8Array.from(Buffer.concat(chunks))
      for (;;) {
        given += 1
        yield new Uint8Array(1_000)
      }
    }
    await expect(drained(openBlob(endless(), ref))).rejects.toMatchObject(damaged)
    expect(given).toBe(1)
  })
})

describe('vectors of sealed blobs', () => {
  it('are what sealing writes: protocol/vectors/blobs.json', async () => {
    const cases = []
    for (const [size, chunk] of [[0, 65_536], [1, 65_536], [160, 65_536], [1_121, 65_536], [65_536, 65_536], [65_537, 65_536], [200_000, 65_536], [300_000, 131_072], [262_145, 262_144]] as const) {
      const { chunks, ref } = await seal(sampleContent(size), chunk)
      const sealed = Buffer.concat(chunks)
      cases.push({
        size, chunk, sealedBytes: sealed.length, chunks: chunks.length, digest: hexOf(ref.digest), tags: chunks.map((piece) => hexOf(piece.subarray(-16))),
        ...(sealed.length <= 1_300 ? { sealed: sealed.toString('hex') } : {}),
      })
    }
    const vectors = { format: 'evegram-vectors/1', about: 'Sealed blobs (docs/e2ee.md). Byte i of the content is i * 7 mod 251; digest is SHA-256 of the sealed bytes; tags are the last 16 bytes of each sealed chunk.', key: hexOf(key), cases }
    await expect(`${JSON.stringify(vectors, undefined, 1)}\n`).toMatchFileSnapshot('../../../../protocol/vectors/blobs.json')
  })
})
