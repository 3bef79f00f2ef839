import { WalletDeclined } from './declined.js'

/** What a wallet, or the way to one, wants of the person. */
export type WalletPrompt =
  /** Open this link in the wallet: scanned from another device, or tapped on this one. `bridge`: whose host carries the answer. */
  | { readonly kind: 'link'; readonly wallet: string; readonly link: string; readonly bridge: string }
  /** Say whether the account that answered is theirs. */
  | { readonly kind: 'own'; readonly wallet: string; readonly address: string }
  /** Confirm in the wallet, which `link` opens. */
  | { readonly kind: 'confirm'; readonly wallet: string; readonly link: string; readonly bridge: string }

/** A prompt as it is shown. */
export interface ShownPrompt {
  readonly prompt: WalletPrompt
  /** Whether what it waits for can be reached now. */
  readonly isConnected: boolean
  /** The person does not want to. */
  readonly cancel: () => void
  /** The person said yes to `own`. */
  readonly agree: () => void
}

/** Prompts that may wait at once: one is shown, the others come behind it. */
const PROMPTS_MAX = 8

/** What the page asks of people for the sake of their wallets, one prompt at a time. */
export class WalletPrompts {
  readonly #listeners = new Set<() => void>()
  #shown: readonly ShownPrompt[] = []

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#listeners.add(changed)
    return () => { this.#listeners.delete(changed) }
  }

  readonly getSnapshot = (): ShownPrompt | undefined => this.#shown[0]

  /** Shows a prompt while `work` waits. Its signal is aborted when the person does not want to any more; it says with `onState` whether what it waits for can be reached. */
  async during<Answer>(prompt: WalletPrompt, work: (waiting: { readonly signal: AbortSignal; readonly onState: (isConnected: boolean) => void }) => Promise<Answer>): Promise<Answer> {
    const cancelled = new AbortController()
    const shown = this.#show({ prompt, cancel: () => { cancelled.abort() }, agree: nothing })
    try {
      return await work({ signal: cancelled.signal, onState: shown.setConnected })
    } finally {
      shown.end()
    }
  }

  /** Resolves when the person says that this account is theirs. Rejects `wallet.declined` when they do not. */
  async confirmOwn(wallet: string, address: string): Promise<void> {
    const ends: (() => void)[] = []
    try {
      await new Promise<void>((resolve, reject) => {
        ends.push(this.#show({ prompt: { kind: 'own', wallet, address }, cancel: () => { reject(new WalletDeclined('the account is not the one of the person')) }, agree: resolve }).end)
      })
    } finally {
      for (const end of ends) end()
    }
  }

  #show(parts: Omit<ShownPrompt, 'isConnected'>): { readonly setConnected: (isConnected: boolean) => void; readonly end: () => void } {
    if (this.#shown.length >= PROMPTS_MAX) throw new WalletDeclined('too much is asked of wallets at once')
    let mine: ShownPrompt = { ...parts, isConnected: true }
    this.#set([...this.#shown, mine])
    return {
      setConnected: (isConnected) => {
        if (mine.isConnected === isConnected) return
        const changed = { ...mine, isConnected }
        this.#set(this.#shown.map((shown) => (shown === mine ? changed : shown)))
        mine = changed
      },
      end: () => { this.#set(this.#shown.filter((shown) => shown !== mine)) },
    }
  }

  #set(shown: readonly ShownPrompt[]): void {
    this.#shown = shown
    for (const listener of [...this.#listeners]) listener()
  }
}

function nothing(): void {
  // This prompt has no such answer.
}
