import { EvegramError } from '@evegram/protocol'
import type { Core } from './core/context.js'
import { SETTING_DEFAULTS, type SettingName, type SettingValues } from './setting-values.js'

/** Reads and changes the settings of an account. */
export interface Settings {
  /** All of them. */
  all(): Promise<SettingValues>
  /** Changes one here and, when they hear of it, on all own devices. Rejects `invalid.argument` for a value that it does not take. */
  set<Name extends SettingName>(name: Name, value: SettingValues[Name]): Promise<void>
}

const LANGUAGE = /^(?:[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4})?$/
const THEMES: readonly unknown[] = ['system', 'light', 'dark'] satisfies readonly SettingValues['theme'][]

/** Whether a setting takes a value. */
function isValueOf(name: SettingName, value: unknown): boolean {
  if (name === 'theme') return THEMES.includes(value)
  return name === 'language' ? typeof value === 'string' && LANGUAGE.test(value) : typeof value === 'boolean'
}

/** {@link Settings} on the registers of a profile. */
export class StoredSettings implements Settings {
  readonly #core: Pick<Core, 'state' | 'local'>

  constructor(core: Pick<Core, 'state' | 'local'>) {
    this.#core = core
  }

  async all(): Promise<SettingValues> {
    const found: Record<string, unknown> = { ...SETTING_DEFAULTS }
    // Object.keys widens the names to string; the constant has no other.
    for (const name of Object.keys(SETTING_DEFAULTS) as SettingName[]) {
      const value = await this.#core.state.get('setting', name)
      if (isValueOf(name, value)) found[name] = value
    }
    // Every name is there, with its default or a value that `isValueOf` took for it.
    return found as unknown as SettingValues
  }

  async set<Name extends SettingName>(name: Name, value: SettingValues[Name]): Promise<void> {
    if (!Object.hasOwn(SETTING_DEFAULTS, name) || !isValueOf(name, value)) throw new EvegramError('invalid.argument', { operation: 'change setting', details: { name } })
    await this.#core.local.write((tx) => this.#core.state.set(tx, 'setting', name, value))
  }
}
