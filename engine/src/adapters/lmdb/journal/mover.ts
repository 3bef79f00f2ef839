import { randomBytes } from 'node:crypto'
import { EvegramError, utf8 } from '@evegram/protocol'
import type { Committer } from '../committer.js'
import type { Databases } from '../databases.js'
import { LogWriter } from '../log-writer.js'
import { MarkWriter } from '../marks.js'
import { raiseFloor } from '../node-registry.js'
import type { Generation } from './generation.js'
import type { JournalDisk } from './journal-disk.js'
import { recoverJournal } from './recover.js'
import { STORE_ID_BYTES } from './record.js'

const STORE_ID_KEY = utf8('journal-id')
const MOVED_KEY = utf8('journal-moved')

/**
 * Moves what the journal holds into LMDB: copies, marks and the floor of positions, and in the same transaction the number of the last record that is there
 * now. So a generation is in LMDB as a whole or not at all, and one that is there is never put in again.
 */
export class Mover {
  readonly #databases: Databases
  readonly #writer: LogWriter
  readonly #marks: MarkWriter

  constructor(databases: Databases) {
    this.#databases = databases
    this.#writer = new LogWriter(databases.log)
    this.#marks = new MarkWriter(databases)
  }

  /** Moves everything that a journal holds, synchronously, before anything else is done with the store; for `isLive` see {@link recoverJournal}. Throws `unavailable.store`. */
  recover(disk: Pick<JournalDisk, 'files' | 'read'>, { isLive }: { readonly isLive: boolean } = { isLive: false }): { readonly storeId: Uint8Array; readonly movedSeq: number } {
    try {
      const { meta, root } = this.#databases
      let storeId = meta.get(STORE_ID_KEY)
      if (storeId === undefined) {
        const made = randomBytes(STORE_ID_BYTES)
        root.transactionSync(() => { void meta.put(STORE_ID_KEY, made) })
        storeId = made
      }
      for (const generation of recoverJournal(disk, storeId, this.#movedSeq(), { isLive })) root.transactionSync(() => { this.#put(generation) })
      return { storeId, movedSeq: this.#movedSeq() }
    } catch (cause) {
      if (cause instanceof EvegramError) throw cause
      throw new EvegramError('unavailable.store', { operation: 'read journal', cause })
    }
  }

  /** Moves a generation by a commit of its own or with other writes; resolves when it is durable. A second time the same keys get the same values. */
  move(generation: Generation, committer: Committer): Promise<void> {
    return new Promise((resolve, reject) => {
      committer.add({
        bytes: generation.usedBytes,
        apply: () => { this.#put(generation) },
        settle: resolve,
        // lmdb rejects with errors of its own, and with numbers inside them.
        fail: (cause) => { reject(cause instanceof Error ? cause : new EvegramError('unavailable.store', { operation: 'move journal', cause })) },
      })
    })
  }

  #put(generation: Generation): void {
    this.#writer.put(generation)
    for (const { inbox, hour, conversation } of generation.marks()) this.#marks.put(inbox, hour, conversation)
    raiseFloor(this.#databases, generation.highestMs)
    const moved = Buffer.alloc(8)
    moved.writeBigUInt64BE(BigInt(generation.lastSeq))
    void this.#databases.meta.put(MOVED_KEY, moved)
  }

  #movedSeq(): number {
    const moved = this.#databases.meta.get(MOVED_KEY)
    return moved === undefined ? 0 : Number(Buffer.from(moved).readBigUInt64BE())
  }
}
