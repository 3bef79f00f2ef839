import type { Command } from 'commander'
import type { ListOptions, OperatorOptions } from './commands/wally.js'
import type { Act, Add } from './add.js'
import { postNumber, wholeNumber } from './whole-number.js'

/**
 * `evegram wally …`: the wallet bridge for operators. Who acts is what the credential says: the token of `--token <file>` or EVEGRAM_OPERATOR_TOKEN, else the account
 * of the profile.
 */
export function addWallyCommands(add: Add, act: Act, program: Command): void {
  const wally = add(
    program, 'wally', 'The wallet bridge, for operators: with --token <file> or EVEGRAM_OPERATOR_TOKEN, else as the account of the profile',
    'evegram wally status --token .evegram/operator-token', 'evegram wally reconcile --chain simulated --json', 'evegram wally audit verify',
  )
  const operator = (parent: Command, usage: string, description: string, ...examples: readonly string[]): Command =>
    add(parent, usage, description, ...examples).option('--token <file>', 'file of the operator token')
  const list = (usage: string, description: string, ...examples: readonly string[]): Command =>
    operator(wally, usage, description, ...examples).option('--after <place>', 'behind the last one of the page before').option('--limit <n>', 'how many, at most 100', wholeNumber, 50)

  operator(wally, 'status', 'Chains, hot wallets, open payouts, lags, alarms', 'evegram wally status --json').action(act(async () => (await import('./commands/wally.js')).wallyStatus))
  for (const [what, description] of [['accounts', 'Accounts of the ledger'], ['transfers', 'Transfers of the ledger, in their order']] as const) {
    list(what, description, `evegram wally ${what} --limit 20 --json`).action(act(async () => {
      const { wallyList } = await import('./commands/wally.js')
      return (context, options: ListOptions) => wallyList(context, what, options)
    }))
  }
  for (const [what, description] of [
    ['suspense', 'Money that came in and belongs to nobody yet'], ['alarms', 'What somebody must look at'], ['proposals', 'Decisions about payouts that wait for a second person'],
  ] as const) {
    operator(wally, what, description, `evegram wally ${what} --json`).action(act(async () => {
      const { wallyList } = await import('./commands/wally.js')
      return (context, options: OperatorOptions) => wallyList(context, what, { ...options, limit: 0 })
    }))
  }
  operator(wally, 'transfer <id>', 'One transfer', 'evegram wally transfer d:solana:5h…:0').action(act(async () => (await import('./commands/wally.js')).wallyTransfer))
  list('payouts', 'Payouts of a chain', 'evegram wally payouts --chain solana --state awaiting_approval')
    .requiredOption('--chain <chain>', 'name of the chain').option('--state <state>', 'only those that stand here').action(act(async () => (await import('./commands/wally.js')).wallyPayouts))
  operator(wally, 'payout <id>', 'One payout', 'evegram wally payout 3f0a….rent --json').action(act(async () => (await import('./commands/wally.js')).wallyPayout))
  for (const [verb, description] of [['approve', 'Approve a payout that awaits it; not by who asked for it'], ['refuse', 'Refuse a payout of which nothing is out']] as const) {
    operator(wally, `${verb} <payout>`, description, `evegram wally ${verb} 3f0a….rent`).option('--yes', 'do not ask')
      .action(act(async () => {
        const { wallyJudge } = await import('./commands/wally.js')
        return (context, id: string, options: OperatorOptions & { readonly yes?: boolean }) => wallyJudge(context, verb, id, options)
      }))
  }
  operator(
    wally, 'decide <payout> <paid|failed>', 'Say how a payout ended that needs a person; a second person must say the same', 'evegram wally decide 3f0a….rent paid --fee 5000',
    'evegram wally decide 3f0a….rent failed --fee 0 --reason operator',
  )
    .requiredOption('--fee <amount>', 'what the chain took, in the smallest unit').option('--tax <amount>', 'what a tax took of the asset itself, likewise')
    .option('--reason <reason>', 'why it failed (docs/payouts.md)').option('--yes', 'do not ask')
    .action(act(async () => (await import('./commands/wally.js')).wallyDecide))
  for (const [verb, description] of [['pause', 'Sign and send nothing more on a chain; what is out is watched to its end'], ['resume', 'Go on with payouts on a chain']] as const) {
    operator(wally, `${verb} <chain>`, description, `evegram wally ${verb} solana`).action(act(async () => {
      const { wallyPause } = await import('./commands/wally.js')
      return (context, chain: string, options: OperatorOptions) => wallyPause(context, verb, chain, options)
    }))
  }
  operator(
    wally, 'reconcile', 'Compare a chain with the ledger; changes nothing. Exit code 1 when they differ', 'evegram wally reconcile --chain solana',
    'evegram wally reconcile --chain solana --at 4711 --json', 'evegram wally reconcile --chain solana --from-start', 'evegram wally reconcile --chain ton --html > report.html',
  )
    .requiredOption('--chain <chain>', 'name of the chain').option('--at <height>', 'up to this block', postNumber)
    .option('--from-start', 'read everything, and not only what is new since the last comparison').option('--html', 'a page for people').action(act(async () => (await import('./commands/wally.js')).wallyReconcile))
  const audit = add(wally, 'audit', 'The chain of events of the ledger', 'evegram wally audit verify')
  operator(audit, 'verify', 'Recompute the ledger: chain of events, balances, transfers. Exit code 1 when something is damaged', 'evegram wally audit verify --json').action(act(async () => (await import('./commands/wally.js')).wallyVerify))
}
