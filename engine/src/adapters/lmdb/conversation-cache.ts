import { sameBytes } from './keys.js'

/** Conversations of one generation of the cache; two generations are kept. */
const GENERATION_CONVERSATIONS_MAX = 16_384
/** Devices that are remembered for one conversation. */
const HEADS_MAX = 64

/** The newest message of a device in a conversation, as stored or on its way. */
export interface Head {
  readonly device: Uint8Array
  epoch: number
  number: number
}

/** What the log remembers of a conversation so that most appends read nothing. */
export class ConversationMemory {
  /** The 16 bytes of the id. */
  readonly id: Uint8Array
  /** Hour of the marks that were written last. */
  hour = -1
  /** Accounts that were marked in that hour. */
  marked: readonly string[] = []
  readonly #heads: Head[] = []

  constructor(id: Uint8Array) {
    this.id = id
  }

  /**
   * Takes note of a message whose device stands at `offset` of `source`. Returns whether it is surely new: its device sent nothing with an equal
   * or higher epoch and number before. A device that is not remembered counts as new: another copy is stored at worst.
   */
  advance(source: Uint8Array, offset: number, epoch: number, number: number): boolean {
    for (const head of this.#heads) {
      if (!sameBytes(head.device, 0, source, offset, 16)) continue
      if (epoch < head.epoch || (epoch === head.epoch && number <= head.number)) return false
      head.epoch = epoch
      head.number = number
      return true
    }
    if (this.#heads.length === HEADS_MAX) this.#heads.shift()
    this.#heads.push({ device: source.slice(offset, offset + 16), epoch, number })
    return true
  }
}

/** Bounded memory of conversations: the least recently used half goes when a generation is full. */
export class ConversationCache {
  #current = new Map<string, ConversationMemory>()
  #previous = new Map<string, ConversationMemory>()

  /** The memory of a conversation, made by `load` when there is none. */
  get(conversation: string, load: (conversation: string) => ConversationMemory): ConversationMemory {
    const known = this.#current.get(conversation)
    if (known !== undefined) return known
    const memory = this.#previous.get(conversation) ?? load(conversation)
    if (this.#current.size >= GENERATION_CONVERSATIONS_MAX) {
      this.#previous = this.#current
      this.#current = new Map()
    }
    this.#current.set(conversation, memory)
    return memory
  }

  /** Forgets everything. */
  clear(): void {
    this.#current.clear()
    this.#previous.clear()
  }
}
