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

/** A line break in a field would let one field pose as another; control characters have no place in a text that people read. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

function refuse(field: string): never {
  throw new EvegramError('invalid.argument', { operation: 'build sign-in text', details: { field } })
}

/** Values that go into a text: none is empty, and all of them are looked through at once, which is a third of the work of a text. */
class Lines {
  readonly #values: (readonly [value: string, name: string])[] = []
  #all = ''

  put(value: string, name: string): string {
    if (value.length === 0) refuse(name)
    this.#values.push([value, name])
    this.#all += value
    return value
  }

  /** Throws for the first value that is more than one line. */
  check(): void {
    if (CONTROL.test(this.#all)) refuse(this.#values.find(([value]) => CONTROL.test(value))?.[1] ?? '')
  }
}

/** The text with the account called `title` in its first line. Throws `invalid.argument` for a line break or control character in a field. */
export function signInText(input: SignInText, title: string): string {
  const lines = new Lines()
  let text = `${lines.put(input.domain, 'domain')} wants you to sign in with your ${title} account:\n${lines.put(input.address, 'address')}`
  if (input.statement !== undefined && input.statement !== '') {
    for (const line of input.statement.split('\n')) if (line !== '') lines.put(line, 'statement')
    text += `\n\n${input.statement}`
  }
  let separator = '\n\n'
  const add = (line: string): void => {
    text += separator + line
    separator = '\n'
  }
  for (const [name, label] of FIELDS) {
    const value = input[name]
    if (value !== undefined) add(`${label}: ${lines.put(value, name)}`)
  }
  if (input.resources !== undefined) {
    add('Resources:')
    for (const resource of input.resources) add(`- ${lines.put(resource, 'resources')}`)
  }
  lines.check()
  return text
}

/** The text of Sign-In With Solana, byte for byte as wallets make it. Throws `invalid.argument` when a field has a line break. */
export function siwsText(input: SignInText): string {
  return signInText(input, 'Solana')
}
