import { EvegramError } from '@evegram/protocol'
import type { Output } from './output.js'

/** Asks a person before money leaves; `yes` stands for the answer. Throws `invalid.argument` when they decline, and without anybody to ask. */
export async function confirmPayment(output: Output, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return
  if (!output.interactive) {
    throw new EvegramError('invalid.argument', { operation: 'confirm', advice: 'Nobody is there to confirm this: look at it, then pass --yes.' })
  }
  // Loaded when somebody is there to ask: scripts do not pay for it.
  const { confirm } = await import('@clack/prompts')
  const answer = await confirm({ message: question, initialValue: false, output: process.stderr })
  if (answer !== true) throw new EvegramError('invalid.argument', { operation: 'confirm', advice: 'Not confirmed: nothing was sent.' })
}
