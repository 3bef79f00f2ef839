import { EvegramError } from '@evegram/protocol'
import type { StoreChange } from './local-store.js'

/** Bounds of one commit, the same for every store; units last. */
export const STORE_LIMITS = {
  /** Characters of a key. */
  keyCharactersMax: 256,
  /** Bytes of one row. */
  valueBytesMax: 4 * 1_048_576,
  /** Writes of one commit. */
  changesMax: 4_096,
} as const

const KEY_PATTERN = /^[\x20-\x7e]+$/

/** Throws `client.store` for a commit that is beyond {@link STORE_LIMITS} or has a key that is not printable ASCII. A sealed value is `overheadBytes` longer. */
export function checkChanges(changes: readonly StoreChange[], overheadBytes = 0): void {
  if (changes.length > STORE_LIMITS.changesMax) throw refused('too many changes')
  for (const { key, value } of changes) {
    if (key.length > STORE_LIMITS.keyCharactersMax || !KEY_PATTERN.test(key)) throw refused('key')
    if (value !== undefined && value.length > STORE_LIMITS.valueBytesMax + overheadBytes) throw refused('value too large')
  }
}

function refused(fault: string): EvegramError {
  const advice = 'The commit breaks a limit of the local store.'
  return new EvegramError('client.store', { operation: 'check commit', advice, details: { fault } })
}
