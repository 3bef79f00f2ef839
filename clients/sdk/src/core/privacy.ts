import type { EventHub } from '../events.js'
import { SETTING_DEFAULTS } from '../setting-values.js'
import type { Registers } from '../state/registers.js'
import type { Background } from './background.js'
import type { Transaction } from './transaction.js'

/** Settings that say what others are told. */
export type PrivacySetting = 'receipts.read' | 'typing.tell' | 'presence.tell'

const SETTINGS: readonly PrivacySetting[] = ['receipts.read', 'typing.tell', 'presence.tell']
const KEY_PREFIX = 'setting/'

/** What {@link Privacy} works on. */
export interface PrivacyPorts {
  readonly state: Pick<Registers, 'get'>
  readonly events: EventHub
  readonly background: Background
}

/** What the user tells others, for code that cannot wait for the store. All three work both ways: who does not tell is not told. */
export class Privacy {
  readonly #ports: PrivacyPorts
  readonly #tells = new Map<PrivacySetting, boolean>()
  readonly #listeners = new Set<(setting: PrivacySetting, tells: boolean) => void>()
  readonly #end: () => void

  constructor(ports: PrivacyPorts) {
    this.#ports = ports
    this.#end = ports.events.on('state-changed', ({ keys }) => {
      const changed = SETTINGS.filter((setting) => keys.includes(`${KEY_PREFIX}${setting}`))
      // Until it is read nothing is told: it may have been turned off.
      for (const setting of changed) this.#note(setting, false)
      if (changed.length > 0) ports.background.run('read settings', async () => { for (const setting of changed) this.#note(setting, await this.tells(setting)) })
    })
  }

  /** Reads the settings. Call once, before anything is told. */
  async load(): Promise<void> {
    for (const setting of SETTINGS) this.#tells.set(setting, await this.tells(setting))
  }

  /** Whether others are told, as `source` (the store when absent) sees it. */
  async tells(setting: PrivacySetting, source?: Pick<Transaction, 'get'>): Promise<boolean> {
    const value = await this.#ports.state.get('setting', setting, source)
    return typeof value === 'boolean' ? value : SETTING_DEFAULTS[setting]
  }

  /** The same at once; false while a change is being read. */
  tellsNow(setting: PrivacySetting): boolean {
    return this.#tells.get(setting) ?? false
  }

  /** Calls `told` when what {@link Privacy.tellsNow} says changes, until the returned function is called. */
  watch(told: (setting: PrivacySetting, tells: boolean) => void): () => void {
    this.#listeners.add(told)
    return () => { this.#listeners.delete(told) }
  }

  /** Follows the settings no more. */
  close(): void {
    this.#end()
  }

  #note(setting: PrivacySetting, tells: boolean): void {
    if (this.#tells.get(setting) === tells) return
    this.#tells.set(setting, tells)
    for (const told of this.#listeners) told(setting, tells)
  }
}
