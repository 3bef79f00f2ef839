/** An account that can sign. */
export interface TerraAccount {
  readonly number: number
  /** Of the next transaction that it signs. */
  readonly sequence: number
  /** Base64, once it signed. */
  readonly publicKey: string | undefined
}

/** What everybody has: a layer over another one, which is written through with {@link merge} or forgotten. */
export class TerraState {
  readonly #below: TerraState | undefined
  readonly #amounts = new Map<string, bigint>()
  readonly #accounts = new Map<string, TerraAccount>()
  #accountsMade: number

  constructor(below?: TerraState) {
    this.#below = below
    this.#accountsMade = below === undefined ? 0 : below.#accountsMade
  }

  /** What a holder has of a denomination or of a contract's token. */
  amount(holder: string, name: string): bigint {
    return this.#amounts.get(keyOf(holder, name)) ?? this.#below?.amount(holder, name) ?? 0n
  }

  account(address: string): TerraAccount | undefined {
    return this.#accounts.get(address) ?? this.#below?.account(address)
  }

  /** Changes a balance and makes the account of who has something for the first time. False, and nothing changed, when there is too little. */
  change(holder: string, name: string, delta: bigint): boolean {
    const amount = this.amount(holder, name) + delta
    if (amount < 0n) return false
    this.#amounts.set(keyOf(holder, name), amount)
    if (this.account(holder) === undefined) this.#accounts.set(holder, { number: this.#accountsMade++, sequence: 0, publicKey: undefined })
    return true
  }

  setAccount(address: string, account: TerraAccount): void {
    this.#accounts.set(address, account)
  }

  /** A layer on top of this one. */
  fork(): TerraState {
    return new TerraState(this)
  }

  /** Writes the layer into the one below. */
  merge(): void {
    const below = this.#below
    if (below === undefined) return
    for (const [key, amount] of this.#amounts) below.#amounts.set(key, amount)
    for (const [address, account] of this.#accounts) below.#accounts.set(address, account)
    below.#accountsMade = this.#accountsMade
  }

  /** What this layer changed, for the history of the chain. */
  changes(): { readonly amounts: ReadonlyMap<string, bigint>; readonly accounts: ReadonlyMap<string, TerraAccount> } {
    return { amounts: this.#amounts, accounts: this.#accounts }
  }
}

/** Under what the amounts of {@link TerraState.changes} stand. */
export function keyOf(holder: string, name: string): string {
  return `${holder} ${name}`
}

/** Values by key, and what they were at the end of earlier blocks. */
export class PastValues<Value> {
  readonly #versions = new Map<string, { readonly height: number; readonly value: Value }[]>()

  /** Notes what a value is at the end of a block. What it was before `keptFrom` may be forgotten. */
  note(key: string, height: number, value: Value, keptFrom: number): void {
    const versions = (this.#versions.get(key) ?? []).filter((version, index, all) => version.height < height && (all[index + 1]?.height ?? height) > keptFrom)
    this.#versions.set(key, [...versions, { height, value }])
  }

  /** What a value was at the end of a block. */
  at(key: string, height: number): Value | undefined {
    return this.#versions.get(key)?.findLast((version) => version.height <= height)?.value
  }
}
