import { EvegramError, type ConversationId } from '@evegram/protocol'

/**
 * Changes of one conversation, one after the other within this process: conditional writes that compete only delay each other until their coordinators
 * give up. Between processes their conditions decide.
 */
export class ConversationTurns {
  readonly #operation: string
  readonly #heldMax: number
  /** For each conversation that is changed now the changes held and the end of the last one. */
  readonly #changing = new Map<ConversationId, { held: number; last: Promise<unknown> }>()

  /** `heldMax`: changes of one conversation, the one under way included. `operation` names them in the refusal of one more. */
  constructor(operation: string, heldMax: number) {
    this.#operation = operation
    this.#heldMax = heldMax
  }

  /** Runs `change` behind the changes of the conversation that came before. Rejects `limited.queue` when too many are held. */
  async run<Result>(conversation: ConversationId, change: () => Promise<Result>): Promise<Result> {
    const turns = this.#changing.get(conversation) ?? { held: 0, last: Promise.resolve() }
    if (turns.held >= this.#heldMax) throw new EvegramError('limited.queue', { operation: this.#operation, details: { heldMax: this.#heldMax } })
    turns.held++
    this.#changing.set(conversation, turns)
    const result = turns.last.then(change)
    turns.last = result.catch(() => undefined)
    try {
      return await result
    } finally {
      if (--turns.held === 0) this.#changing.delete(conversation)
    }
  }
}
