import type { LedgerAccountId } from '../ids.js'
import { checkLines, type StatementLine, type StatementStore } from '../statement.js'

/** Statements in memory: for the simulator and tests, nobody else. Grows without bound. */
export class MemoryStatementStore implements StatementStore {
  readonly #lines = new Map<LedgerAccountId, StatementLine[]>()
  #position = 0

  async position(): Promise<number> {
    return this.#position
  }

  async append(from: number, to: number, lines: readonly StatementLine[]): Promise<boolean> {
    if (this.#position !== from) return false
    this.#position = to
    for (const line of lines) {
      const known = this.#lines.get(line.account)
      if (known === undefined) this.#lines.set(line.account, [line])
      else known.push(line)
    }
    return true
  }

  async newest(accounts: readonly LedgerAccountId[]): Promise<ReadonlyMap<LedgerAccountId, StatementLine>> {
    return new Map(accounts.flatMap((account) => {
      const line = this.#lines.get(account)?.at(-1)
      return line === undefined ? [] : [[account, line]]
    }))
  }

  async lines(account: LedgerAccountId, before: number | undefined, limit: number): Promise<readonly StatementLine[]> {
    checkLines(limit)
    return (this.#lines.get(account) ?? []).filter(({ number }) => before === undefined || number < before).reverse().slice(0, limit)
  }

  async clear(): Promise<void> {
    this.#lines.clear()
    this.#position = 0
  }
}
