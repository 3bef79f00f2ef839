import { CborFields, decodeCbor, encodeCbor, EvegramError, hexOf, idBytes, parseMessageId, readPosition, encodePosition, type Clock, type MessageId, type Position, type Random } from '@evegram/protocol'
import type { LocalStore } from '../store/local-store.js'
import type { Message } from './message.js'
import type { Transaction } from './transaction.js'

/** Bounds of what is known to be done, units last. */
export const ONCE_LIMITS = {
  /** How old a name may be that something is done under; an older one is refused, because it may be forgotten. */
  nameMsMax: 30 * 60_000,
  /** How long what was done is kept. */
  keptMs: 60 * 60_000,
  /** Rows that one step of forgetting looks at; a step is made with every so many new ones. */
  pageRows: 512,
} as const

/** Keys in table `handled`, between the hexadecimal ids of messages and the end. */
const PREFIX = 'once/'
const NAME_PATTERN = /^[0-9a-f]{14}-[0-9a-f]{32}(\.[0-9]{1,4})?$/
const NAME_BYTES = 16

/** A message that was committed under a name. */
export interface DoneOnce {
  readonly messageId: MessageId
  readonly order: bigint
  /** Where the server stored it, once it has. */
  readonly position: Position | undefined
}

/** Gives the messages of one call their names, in order: the same call gives the same names when it is made again. */
export type NextName = () => string

/** A name to do something under once: the time now, so that it can grow old, and 128 random bits. */
export function newOnceName(clock: Pick<Clock, 'now'>, random: Random): string {
  return `${Math.max(0, clock.now()).toString(16).padStart(14, '0')}-${hexOf(random.bytes(NAME_BYTES))}`
}

/** Names for what one call under `name` says: one call may say several messages. */
export function namesUnder(name: string): NextName {
  let next = 0
  return () => `${name}.${String(next++)}`
}

/**
 * What was said under a name, so that whoever lost the answer may ask again under the same name and nothing is said twice. The name is committed with the message.
 */
export class OnceLog {
  readonly #clock: Pick<Clock, 'now'>
  /** Names of messages that the server has not stored yet. */
  readonly #waiting = new Map<MessageId, string>()
  #noted = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** Reads what the last run left and forgets what is old. Call once, before anything is said. */
  async load(store: LocalStore): Promise<void> {
    let from = `${PREFIX}${this.#keptSince()}`
    for (let more = true; more;) {
      const rows = await store.list('handled', { from, to: `${PREFIX}~`, limit: ONCE_LIMITS.pageRows })
      for (const { key, value } of rows) {
        const { messageId, position } = decodeDone(value)
        if (position === undefined) this.#waiting.set(messageId, key.slice(PREFIX.length))
        from = `${key} `
      }
      more = rows.length === ONCE_LIMITS.pageRows
    }
    const old = await this.#old(store)
    if (old.length > 0) await store.commit(old.map((key) => ({ table: 'handled', key, value: undefined })))
  }

  /** What was said under `name`. Throws `invalid.argument` for what is no name, `client.leader_lost` for one that is too old to be known for sure. */
  async find(source: Pick<Transaction, 'get'>, name: string): Promise<DoneOnce | undefined> {
    if (!NAME_PATTERN.test(name)) throw new EvegramError('invalid.argument', { operation: 'send once' })
    if (Number.parseInt(name.slice(0, 14), 16) < this.#clock.now() - ONCE_LIMITS.nameMsMax) throw new EvegramError('client.leader_lost', { operation: 'send once' })
    const row = await source.get('handled', `${PREFIX}${name}`)
    return row === undefined ? undefined : decodeDone(row)
  }

  /** Notes, in the transaction that says it, that `message` is what `name` stands for. */
  async note(tx: Transaction, store: LocalStore, name: string, { messageId, order }: Pick<Message, 'messageId' | 'order'>): Promise<void> {
    tx.put('handled', `${PREFIX}${name}`, encodeDone({ messageId, order, position: undefined }))
    tx.afterCommit(() => { this.#waiting.set(messageId, name) })
    this.#noted += 1
    if (this.#noted % ONCE_LIMITS.pageRows === 0) for (const key of await this.#old(store)) tx.remove('handled', key)
  }

  /** Notes, in the transaction that takes it off the outbox, where the server stored a message; nothing for one without a name. */
  async stored(tx: Transaction, messageId: MessageId, position: Position): Promise<void> {
    const name = this.#waiting.get(messageId)
    if (name === undefined) return
    tx.afterCommit(() => { this.#waiting.delete(messageId) })
    const row = await tx.get('handled', `${PREFIX}${name}`)
    if (row !== undefined) tx.put('handled', `${PREFIX}${name}`, encodeDone({ ...decodeDone(row), position }))
  }

  async #old(store: LocalStore): Promise<string[]> {
    const rows = await store.list('handled', { from: PREFIX, to: `${PREFIX}${this.#keptSince()}`, limit: ONCE_LIMITS.pageRows })
    return rows.map(({ key }) => key)
  }

  #keptSince(): string {
    return Math.max(0, this.#clock.now() - ONCE_LIMITS.keptMs).toString(16).padStart(14, '0')
  }
}

function encodeDone({ messageId, order, position }: DoneOnce): Uint8Array {
  return encodeCbor({ message: idBytes(messageId), order, ...(position === undefined ? {} : { position: encodePosition(position) }) })
}

function decodeDone(row: Uint8Array): DoneOnce {
  const fields = new CborFields(decodeCbor(row, 256), 'client.store')
  const position = fields.has('position') ? fields.bytes('position', 16) : undefined
  return {
    messageId: parseMessageId(hexOf(fields.bytes('message', 16))), order: fields.uint64('order'),
    position: position === undefined ? undefined : readPosition(new DataView(position.buffer, position.byteOffset, position.length), 0),
  }
}
