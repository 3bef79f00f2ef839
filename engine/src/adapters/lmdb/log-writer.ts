import { ENVELOPE_OFFSETS, writePosition } from '@evegram/protocol'
import type { AppendRequest } from '../../ports/envelope-log.js'
import { BUNDLE_BYTES_MAX, bundledBytes, mayFollow, writeBundled } from './bundle.js'
import type { ConversationMemory } from './conversation-cache.js'
import type { BinaryDatabase } from './databases.js'
import { KEY_OFFSETS } from './keys.js'

/** Buffer for the values of a commit; what does not fit gets memory of its own. */
const ARENA_BYTES = 1_048_576

const LOG = KEY_OFFSETS.log

/**
 * Puts the copies of a batch into the commit that is being made. What one conversation gets in one millisecond is one value, a bundle: a put costs the
 * same whatever is in it, in this process and on LMDB's thread, and a conversation in which much is said gets several copies with every batch.
 */
export class LogWriter {
  readonly #log: BinaryDatabase
  // Keys are copied by lmdb when they are put, so that one buffer serves all.
  readonly #bundleKey = new Uint8Array(LOG.bundleEnd)
  readonly #key = new Uint8Array(this.#bundleKey.buffer, 0, LOG.end)
  readonly #keyView = new DataView(this.#bundleKey.buffer)
  // Values are read by lmdb's thread until the commit ended; as there is one commit at a time, one buffer serves all commits.
  readonly #arena = new Uint8Array(ARENA_BYTES)
  readonly #arenaView = new DataView(this.#arena.buffer)
  #arenaUsedBytes = 0
  #arenaCommit = 0
  /** The append behind each staged one in the same conversation, by place in the batch; -1 behind the last. */
  readonly #next: Int32Array
  readonly #staged: ConversationMemory[] = []

  /** `batchMax`: appends of one batch at most. */
  constructor(log: BinaryDatabase, batchMax: number) {
    this.#log = log
    this.#next = new Int32Array(batchMax)
  }

  /** The append at `place` of the batch belongs to the conversation of `memory`, and is to be put. */
  stage(memory: ConversationMemory, place: number): void {
    this.#next[place] = -1
    if (memory.lastStaged >= 0) this.#next[memory.lastStaged] = place
    else {
      memory.firstStaged = place
      this.#staged.push(memory)
    }
    memory.lastStaged = place
  }

  /** Puts what was staged. `at` gives the append of a place, `failed` hears of each that could not be put: the others go on. */
  put(commit: number, at: (place: number) => AppendRequest, failed: (place: number, cause: unknown) => void): void {
    for (const memory of this.#staged) {
      let place = memory.firstStaged
      memory.firstStaged = -1
      memory.lastStaged = -1
      while (place >= 0) {
        const behind = this.#behindBundle(place, at)
        try {
          this.#putFrom(memory.id, place, behind, commit, at)
        } catch (cause) {
          for (let one = place; one !== behind; one = this.#nextOf(one)) failed(one, cause)
        }
        place = behind
      }
    }
    this.#staged.length = 0
  }

  #nextOf(place: number): number {
    return this.#next[place] ?? -1
  }

  /** The first place of the conversation that does not go into one bundle with `place`; -1 when all that are left do. */
  #behindBundle(place: number, at: (place: number) => AppendRequest): number {
    let last = at(place)
    let bytes = bundledBytes(last.envelope)
    let next = this.#nextOf(place)
    while (next >= 0) {
      const append = at(next)
      bytes += bundledBytes(append.envelope)
      if (bytes > BUNDLE_BYTES_MAX || !mayFollow(last.position, append.position)) break
      last = append
      next = this.#nextOf(next)
    }
    return next
  }

  /** Puts the copies from `place` to before `behind` under the key of the last of them. */
  #putFrom(id: Uint8Array, place: number, behind: number, commit: number, at: (place: number) => AppendRequest): void {
    let bytes = 0
    let count = 0
    let last = place
    for (let one = place; one !== behind; one = this.#nextOf(one)) {
      bytes += bundledBytes(at(one).envelope)
      count++
      last = one
    }
    const append = at(last)
    this.#writeKey(id, append, count)
    if (count === 1) {
      const value = this.#room(append.envelope.length, commit)
      value.set(append.envelope)
      void this.#log.put(this.#key, value)
      return
    }
    const bundle = this.#room(bytes, commit)
    const isInArena = bundle.buffer === this.#arena.buffer
    const target = isInArena ? this.#arena : bundle
    const view = isInArena ? this.#arenaView : new DataView(bundle.buffer)
    let offset = isInArena ? bundle.byteOffset : 0
    for (let one = place; one !== behind; one = this.#nextOf(one)) offset = writeBundled(target, view, offset, at(one))
    void this.#log.put(this.#bundleKey, bundle)
  }

  #writeKey(id: Uint8Array, { position, envelope }: AppendRequest, count: number): void {
    const key = this.#bundleKey
    key.set(id)
    writePosition(this.#keyView, LOG.position, position)
    for (let index = 0; index < 16; index++) key[LOG.device + index] = envelope[ENVELOPE_OFFSETS.device + index] ?? 0
    for (let index = 0; index < 12; index++) key[LOG.epoch + index] = envelope[ENVELOPE_OFFSETS.epoch + index] ?? 0
    this.#keyView.setUint32(LOG.count, count)
  }

  /** Room for a value, which stays as it is until the commit ended. */
  #room(bytes: number, commit: number): Uint8Array<ArrayBuffer> {
    if (commit !== this.#arenaCommit) {
      this.#arenaCommit = commit
      this.#arenaUsedBytes = 0
    }
    if (this.#arenaUsedBytes + bytes > ARENA_BYTES) return new Uint8Array(bytes)
    const room = new Uint8Array(this.#arena.buffer, this.#arenaUsedBytes, bytes)
    this.#arenaUsedBytes += bytes
    return room
  }
}
