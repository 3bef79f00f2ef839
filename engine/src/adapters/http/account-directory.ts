import { AUTH_INTERNAL_API, INTERNAL_ACCOUNTS_MAX, type InternalClient } from '@evegram/platform'
import { EvegramError, type AccountId, type ErrorCode } from '@evegram/protocol'
import type { AccountChange, AccountDirectory, AccountSummary, TokenHolder } from '../../ports/account-directory.js'
import type { Turn } from '../../ports/turn.js'

/** Requests for summaries under way at once; the accounts asked for meanwhile go together in the next one. */
const BATCHES_AT_ONCE = 8

/** What {@link HttpAccountDirectory} needs. */
export interface HttpAccountDirectoryParts {
  /** A client of auth's internal listeners that passes {@link isTokenVerdict}. */
  readonly client: InternalClient
  /** Where word of changes comes from. */
  readonly changes: Pick<AccountDirectory, 'onChange'>
  readonly turn: Turn
}

interface Question {
  readonly answer: Promise<AccountSummary | undefined>
  readonly resolve: (summary: AccountSummary | undefined) => void
  readonly reject: (failure: unknown) => void
}

/** Whether a code is auth's verdict about a token rather than a failure to give one. */
export function isTokenVerdict(code: ErrorCode): boolean {
  return code === 'auth.token_invalid' || code === 'auth.token_expired' || code === 'auth.token_revoked'
}

/** {@link AccountDirectory} over auth's internal listeners. What is asked for in one turn of the event loop goes in one request. */
export class HttpAccountDirectory implements AccountDirectory {
  readonly #parts: HttpAccountDirectoryParts
  /** Questions that no request has been sent for yet: whoever asks now may share their answer. */
  #waiting = new Map<AccountId, Question>()
  #planned = false
  #running = 0

  constructor(parts: HttpAccountDirectoryParts) {
    this.#parts = parts
  }

  summary(account: AccountId): Promise<AccountSummary | undefined> {
    const waiting = this.#waiting.get(account)
    if (waiting !== undefined) return waiting.answer
    const question = newQuestion()
    this.#waiting.set(account, question)
    this.#plan()
    return question.answer
  }

  async verifyToken(token: string): Promise<TokenHolder> {
    const { path, answer } = AUTH_INTERNAL_API.verifyToken
    return this.#parts.client.ask({ method: 'POST', path, body: { token }, answer })
  }

  onChange(listener: (change: AccountChange) => void): () => void {
    return this.#parts.changes.onChange(listener)
  }

  #plan(): void {
    if (this.#planned || this.#running >= BATCHES_AT_ONCE) return
    this.#planned = true
    this.#parts.turn.defer(() => {
      this.#planned = false
      this.#next()
    })
  }

  #next(): void {
    while (this.#waiting.size > 0 && this.#running < BATCHES_AT_ONCE) {
      const batch = [...this.#waiting].slice(0, INTERNAL_ACCOUNTS_MAX)
      for (const [account] of batch) this.#waiting.delete(account)
      this.#running++
      void this.#ask(batch).finally(() => {
        this.#running--
        this.#next()
      })
    }
  }

  /** Answers every question of the batch. Never rejects. */
  async #ask(batch: readonly (readonly [AccountId, Question])[]): Promise<void> {
    const { path, answer } = AUTH_INTERNAL_API.accounts
    try {
      const { accounts } = await this.#parts.client.ask({ method: 'POST', path, body: { accounts: batch.map(([account]) => account) }, answer })
      batch.forEach(([account, question], index) => {
        const found = accounts[index]
        if (found?.status === 'unknown') question.resolve(undefined)
        else if (found?.status === 'known' && found.account === account) {
          question.resolve({ account, seq: found.seq, head: found.head, devices: found.devices, closed: found.closed })
        }
        else question.reject(new EvegramError('unavailable.auth', { operation: 'read account' }))
      })
    } catch (failure) {
      for (const [, question] of batch) question.reject(failure)
    }
  }
}

function newQuestion(): Question {
  let resolve: Question['resolve'] | undefined
  let reject: Question['reject'] | undefined
  const answer = new Promise<AccountSummary | undefined>((onAnswer, onFailure) => {
    resolve = onAnswer
    reject = onFailure
  })
  // The executor above ran at once.
  if (resolve === undefined || reject === undefined) throw new EvegramError('internal', { operation: 'ask for account' })
  return { answer, resolve, reject }
}
