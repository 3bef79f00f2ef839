import type { AccountState } from './vm.js'

interface Version {
  /** The masterchain block at whose end it was so. */
  readonly height: number
  state: AccountState
}

/** The states of all accounts, as they were at the end of each block that is remembered. */
export class Accounts {
  readonly #versions = new Map<string, Version[]>()

  /** How many accounts there are. */
  get size(): number {
    return this.#versions.size
  }

  /** The newest state, whether its block is closed or not. */
  newest(account: string): AccountState | undefined {
    return this.#versions.get(account)?.at(-1)?.state
  }

  /** The state at the end of a block. */
  at(account: string, height: number): AccountState | undefined {
    return this.#versions.get(account)?.findLast((version) => version.height <= height)?.state
  }

  write(account: string, height: number, state: AccountState): void {
    const versions = this.#versions.get(account) ?? []
    const newest = versions.at(-1)
    if (newest?.height === height) newest.state = state
    else versions.push({ height, state })
    this.#versions.set(account, versions)
  }

  /** Takes back what a block and those behind it wrote. */
  undo(account: string, height: number): void {
    const kept = this.#versions.get(account)?.filter((version) => version.height < height) ?? []
    if (kept.length === 0) this.#versions.delete(account)
    else this.#versions.set(account, kept)
  }

  /** Forgets what nobody can ask for once `oldest` is the oldest block that is remembered. */
  prune(account: string, oldest: number): void {
    const versions = this.#versions.get(account)
    while (versions?.[1] !== undefined && versions[1].height <= oldest) versions.shift()
  }
}
