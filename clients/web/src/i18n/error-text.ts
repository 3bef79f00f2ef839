import { isEvegramError } from '@evegram/protocol'
import { WalletFailure } from '../wallets/declined.js'
import { en, type TextKey } from './en.js'
import type { Texts } from './texts.js'

/** The code of a failure; `internal` for what is no failure of ours. */
export function codeOf(failure: unknown): string {
  if (isEvegramError(failure)) return failure.code
  return failure instanceof WalletFailure ? failure.code : 'internal'
}

/** What a person can do about a code, in their language. */
export function errorText({ t }: Pick<Texts, 't'>, code: string): string {
  const [key, family] = [`error.${code}`, `error.family.${code.split('.')[0] ?? ''}`]
  return isKey(key) ? t(key) : isKey(family) ? t(family) : t('error.other')
}

function isKey(key: string): key is TextKey {
  return Object.hasOwn(en, key)
}
