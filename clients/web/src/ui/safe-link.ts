/** A web address in a text, as it is shown and where it leads. */
export interface SafeLink {
  readonly href: string
  readonly text: string
}

/** A host in other letters can look like another host: of ASCII everybody sees what it is. */
const PLAIN = /^[\x21-\x7e]*$/
/** What turns the direction of writing, or is there without being seen. */
const MISLEADING = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}\u115f\u1160\u3164\uffa0\u034f\u2800]/u

/**
 * What to make of a web address that somebody else wrote: shown as it was written where that says where it leads, else in the form that browsers send (`xn--…`, `%E2%80%AE`).
 * Undefined where it is no http address, or names somebody before the host, which reads as the host: `https://bank.example@evil.example`.
 */
export function safeLink(written: string): SafeLink | undefined {
  if (!URL.canParse(written)) return undefined
  const { protocol, username, password, href } = new URL(written)
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '' || password !== '' || written.includes('\\')) return undefined
  const [, host = ''] = /^[^:]*:\/*([^/?#]*)/.exec(written) ?? []
  return { href, text: PLAIN.test(host) && !MISLEADING.test(written) ? written : href }
}
