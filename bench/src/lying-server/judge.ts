import type { Attempt } from '../attempt.js'

/** What an honest conversation must answer after a lie. */
export const HONEST = 'an honest conversation afterwards'

/** The verdict on one case: nothing in the list means that it held. `leaks` are texts that somebody saw who must not. */
export function judgeLie(attempts: readonly Attempt[], leaks: readonly string[]): readonly string[] {
  const breaches = attempts.filter(({ expected, got }) => expected !== got).map(({ what, expected, got }) => `${what}: expected ${expected}, got ${got}`)
  if (!attempts.some(({ what }) => what !== HONEST)) breaches.push('no lie was told')
  if (!attempts.some(({ what }) => what === HONEST)) breaches.push('no honest conversation was tried afterwards')
  return [...breaches, ...leaks.map((text) => `plaintext where it must not be: "${text}"`)]
}
