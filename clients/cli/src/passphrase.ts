import { EvegramError } from '@evegram/protocol'

/** Asks a person for a passphrase without showing it. Throws `invalid.wallet_file` when they cancel. */
export async function askPassphrase(question: string): Promise<string> {
  // Loaded when somebody is there to ask: scripts do not pay for it.
  const { isCancel, password } = await import('@clack/prompts')
  const answer = await password({ message: question, output: process.stderr })
  if (isCancel(answer)) {
    throw new EvegramError('invalid.wallet_file', {
      operation: 'ask passphrase', advice: 'The wallet file needs its passphrase (or EVEGRAM_WALLET_PASSPHRASE).',
    })
  }
  return answer
}

/** Asks for a new passphrase twice. Throws `invalid.argument` when the answers differ or are empty. */
export async function askNewPassphrase(): Promise<string> {
  const first = await askPassphrase('Passphrase for the new wallet file')
  const second = await askPassphrase('The same passphrase again')
  if (first === '' || first !== second) {
    throw new EvegramError('invalid.argument', { operation: 'ask passphrase', advice: 'The two passphrases are empty or not the same.' })
  }
  return first
}
