import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { EvegramError } from '@evegram/protocol'

/** What a profile remembers beside its store. */
export interface ProfileSettings {
  /** Server that the profile was made with. */
  readonly server?: string
  /** Wallet file that `login` was given, for actions that need the wallet again. */
  readonly wallet?: string
}

/** Where a server is looked for when neither the command line nor the profile names one. */
export const DEFAULT_SERVER = 'http://localhost:8080'

/** The folder of a profile: `--profile`, or ~/.evegram/default. */
export function profileFolder(option: string | undefined): string {
  return resolve(option ?? join(homedir(), '.evegram', 'default'))
}

/** Settings of a profile; empty when it is new. Throws `invalid.config` when the file is damaged. */
export function readSettings(folder: string): ProfileSettings {
  let text: string
  try {
    text = readFileSync(join(folder, 'profile.json'), 'utf8')
  } catch (cause) {
    // A new profile has no settings yet.
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {}
    throw new EvegramError('invalid.config', { operation: 'read profile.json', advice: 'profile.json of the profile cannot be read.', cause })
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) throw new SyntaxError('not an object')
    const { server, wallet } = value as Readonly<Record<string, unknown>>
    return { ...(typeof server === 'string' ? { server } : {}), ...(typeof wallet === 'string' ? { wallet } : {}) }
  } catch (cause) {
    throw new EvegramError('invalid.config', { operation: 'read profile.json', advice: 'profile.json of the profile is damaged: delete it.', cause })
  }
}

/** Replaces the settings of a profile atomically. */
export function writeSettings(folder: string, settings: ProfileSettings): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'profile.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
