import { BLOB_CHUNK_BYTES, EvegramError, sealedBlobBytes } from '@evegram/protocol'

/** What one message with files has of an {@link UploadRoom} while it is sealed. */
export class TakenRoom {
  readonly #isRoomFor: () => boolean
  #filesBytes = 0
  #fileBytes = 0

  constructor(isRoomFor: () => boolean) {
    this.#isRoomFor = isRoomFor
  }

  /** Sealed bytes of its files so far. */
  get bytes(): number {
    return this.#filesBytes + this.#fileBytes
  }

  /** The file that is being read has `size` bytes of content up to now. Throws `limited.files` when it is too many: what was read before stays taken. */
  grow(size: number): void {
    const before = this.#fileBytes
    this.#fileBytes = sealedBlobBytes(size, BLOB_CHUNK_BYTES)
    if (this.#isRoomFor()) return
    this.#fileBytes = before
    throw new EvegramError('limited.files', { operation: 'send files' })
  }

  /** The file is sealed; the next one begins. */
  endFile(): void {
    this.#filesBytes += this.#fileBytes
    this.#fileBytes = 0
  }
}

/** Room for sealed bytes on a device: what is being sealed at the same time counts together with what waits, as it will lie there when it is done. */
export class UploadRoom {
  readonly #bytesMax: number
  readonly #waitingBytes: () => number
  readonly #taken = new Set<TakenRoom>()

  /** `waitingBytes`: sealed bytes of what is sealed already. */
  constructor(bytesMax: number, waitingBytes: () => number) {
    this.#bytesMax = bytesMax
    this.#waitingBytes = waitingBytes
  }

  /** Messages that are being sealed. */
  get size(): number {
    return this.#taken.size
  }

  /** For one more message. */
  take(): TakenRoom {
    const taken = new TakenRoom(() => this.#isRoom())
    this.#taken.add(taken)
    return taken
  }

  /** It is sealed, and waits; or it failed, and its bytes are gone. */
  giveBack(taken: TakenRoom): void {
    this.#taken.delete(taken)
  }

  #isRoom(): boolean {
    let bytes = this.#waitingBytes()
    for (const taken of this.#taken) bytes += taken.bytes
    return bytes <= this.#bytesMax
  }
}
