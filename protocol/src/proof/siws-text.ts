import { EvegramError } from '../errors.js'

/** Fields of a sign-in text, in the grammar of Sign-In With Solana (wallet-standard), itself that of EIP-4361. */
export interface SignInText {
  readonly domain: string
  readonly address: string
  /** May have several lines. */
  readonly statement?: string | undefined
  readonly uri?: string | undefined
  readonly version?: string | undefined
  readonly chainId?: string | undefined
  readonly nonce?: string | undefined
  readonly issuedAt?: string | undefined
  readonly expirationTime?: string | undefined
  readonly notBefore?: string | undefined
  readonly requestId?: string | undefined
  readonly resources?: readonly string[] | undefined
}

/** Lines of the grammar in their order. */
const FIELDS = [
  ['uri', 'URI'],
  ['version', 'Version'],
  ['chainId', 'Chain ID'],
  ['nonce', 'Nonce'],
  ['issuedAt', 'Issued At'],
  ['expirationTime', 'Expiration Time'],
  ['notBefore', 'Not Before'],
  ['requestId', 'Request ID'],
] as const

function oneLine(value: string, name: string): string {
  // A line break in a field would let one field pose as another; control characters have no place in a text that people read.
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(value) || value.length === 0) {
    throw new EvegramError('invalid.argument', { operation: 'build sign-in text', details: { field: name } })
  }
  return value
}

/** The text with the account called `title` in its first line. Throws `invalid.argument` for a line break or control character in a field. */
export function signInText(input: SignInText, title: string): string {
  let text = `${oneLine(input.domain, 'domain')} wants you to sign in with your ${title} account:\n${oneLine(input.address, 'address')}`
  if (input.statement !== undefined && input.statement !== '') {
    for (const line of input.statement.split('\n')) if (line !== '') oneLine(line, 'statement')
    text += `\n\n${input.statement}`
  }
  const lines: string[] = []
  for (const [name, label] of FIELDS) {
    const value = input[name]
    if (value !== undefined) lines.push(`${label}: ${oneLine(value, name)}`)
  }
  if (input.resources !== undefined) {
    lines.push('Resources:', ...input.resources.map((resource) => `- ${oneLine(resource, 'resources')}`))
  }
  return lines.length === 0 ? text : `${text}\n\n${lines.join('\n')}`
}

/** The text of Sign-In With Solana, byte for byte as wallets make it. Throws `invalid.argument` when a field has a line break. */
export function siwsText(input: SignInText): string {
  return signInText(input, 'Solana')
}
