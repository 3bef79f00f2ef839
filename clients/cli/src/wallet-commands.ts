import type { Act, Add } from './add.js'
import type { Command } from 'commander'
import { postNumber, wholeNumber } from './whole-number.js'

/** `evegram play …`: the chain of play money of a server for its own machine, and local chains of real SDKs. */
export function addPlayCommands(add: Add, act: Act, program: Command): void {
  const play = add(
    program, 'play', 'The chain of play money of npm start, and local Solana, TON and Terra Classic: faucets, payments, and what addresses hold as the chains themselves say',
    'evegram play faucet 20', 'evegram play fund 500 SOL', 'evegram play pay 400 SOL', 'evegram play balance sim…',
  )
  add(play, 'faucet <amount>', 'Play money from nothing, paid to your deposit address; waits until it is credited', 'evegram play faucet 20', 'evegram play faucet 1 --to sim… --memo hello')
    .option('--to <address>', 'another address').option('--memo <text>', 'its memo')
    .option('--wait <seconds>', 'how long to wait', wholeNumber, 60).action(act(async () => (await import('./commands/play.js')).playFaucet))
  add(play, 'fund <amount> <asset>', 'Coins from the faucet of a local chain to your own wallet, for asset SOL, TON or LUNC; waits until the chain has them', 'evegram play fund 500 SOL', 'evegram play fund 500 TON --to UQ… --json')
    .option('--wallet <file>', 'wallet file (default: the one of login)').option('--to <address>', 'another address')
    .option('--wait <seconds>', 'how long to wait', wholeNumber, 60).action(act(async () => (await import('./commands/play-pay.js')).playFund))
  add(play, 'pay <amount> <asset>', 'Your own wallet pays to your deposit address on a local chain, with your memo; waits until it is credited', 'evegram play pay 400 SOL', 'evegram play pay 400 LUNC --wallet dora.json --json')
    .option('--wallet <file>', 'wallet file that pays (default: the one of login); of keys that hold nothing elsewhere')
    .option('--wait <seconds>', 'how long to wait', wholeNumber, 90).action(act(async () => (await import('./commands/play-pay.js')).playPay))
  add(play, 'balance <address>', 'What an address holds, by its chain and not by the ledger', 'evegram play balance sim… --json').action(act(async () => (await import('./commands/play.js')).playBalance))
  add(play, 'address', "A new address of the server's own chain, of a key that is thrown away", 'evegram play address').action(act(async () => (await import('./commands/play.js')).playAddress))
}

/** A withdrawal without an answer is named by its id or the first characters of it. */
function addWithdrawalCommands(add: Add, act: Act, wallet: Command): void {
  const withdrawals = add(
    wallet, 'withdrawals', 'Those of this device that have no answer, then your newest withdrawals and how they stand', 'evegram wallet withdrawals --limit 5 --json', 'evegram wallet withdrawals ask 3f0a12bc',
  )
    .option('--limit <n>', 'how many, at most 100', wholeNumber, 20)
    .action(act(async () => (await import('./commands/wallet-withdrawals.js')).walletWithdrawals))
  add(
    withdrawals, 'ask <id>', 'Ask again for one without an answer: the same one under its id, never a second. Exit code 0 paid, 1 failed or refused, 4 still on its way',
    'evegram wallet withdrawals ask 3f0a12bc', 'evegram wallet withdrawals ask later --yes --json',
  )
    .option('--wallet <file>', 'wallet file that signs (default: the one of login); not needed when the server has it')
    .option('--yes', 'do not ask')
    .option('--wait <seconds>', 'how long to follow it', wholeNumber, 120)
    .action(act(async () => (await import('./commands/wallet-withdrawals.js')).askWithdrawalAgain))
  add(withdrawals, 'forget <id>', 'Take one without an answer out of the list; the server is asked first, and what it has stays', 'evegram wallet withdrawals forget 3f0a12bc')
    .action(act(async () => (await import('./commands/wallet-withdrawals.js')).forgetWithdrawal))
}

/** `evegram wallet …`: the own money at the server. An asset is named by its symbol or its id, an amount as people write it: 12 or 0.5. */
export function addWalletCommands(add: Add, act: Act, program: Command): void {
  const wallet = add(
    program, 'wallet', 'Your money at the server: hold it, send it in chat, take it out. An asset is named by symbol or id; amounts are written 12 or 0.5',
    'evegram wallet balance', 'evegram wallet deposit PLAY', 'evegram wallet send terra1… 5 PLAY --note lunch', 'evegram wallet withdraw 2.5 PLAY sim…',
  )
  add(wallet, 'balance', 'What your account holds', 'evegram wallet balance --json').action(act(async () => (await import('./commands/wallet.js')).walletBalance))
  add(wallet, 'deposit <asset>', 'Where to pay so that it arrives here: address and memo in full, and a link', 'evegram wallet deposit SOL --amount 1.5')
    .option('--amount <amount>', 'goes into the link')
    .action(act(async () => (await import('./commands/wallet.js')).walletDeposit))
  add(
    wallet, 'send <address> <amount> <asset>', 'Pay a person of this server, at once, with a note that only they read',
    'evegram wallet send terra1… 5 PLAY --note "lunch"', 'evegram wallet send terra1… 0.5 solana/sol --request 3f0a… --yes --json',
  )
    .option('--note <text>', 'end-to-end encrypted')
    .option('--request <id>', 'the request that this answers')
    .option('--yes', 'do not ask')
    .option('--wait <seconds>', 'how long to wait for the server', wholeNumber, 20)
    .action(act(async () => (await import('./commands/wallet-send.js')).walletSend))
  add(wallet, 'request <address> <amount> <asset>', 'Ask a person to pay', 'evegram wallet request terra1… 5 PLAY --note "your half"', 'evegram wallet request terra1… 1.5 SOL --on-chain')
    .option('--note <text>', 'end-to-end encrypted')
    .option('--hours <n>', 'not to be paid afterwards', wholeNumber, 24)
    .option('--on-chain', 'name your deposit address too')
    .option('--wait <seconds>', 'how long to wait for the server', wholeNumber, 20)
    .action(act(async () => (await import('./commands/wallet-send.js')).walletRequest))
  add(
    wallet, 'withdraw <amount> <asset> <destination>', 'Take money out to an address; a wallet of your account signs for exactly that. Exit code 0 paid, 1 failed or refused, 4 still on its way',
    'evegram wallet withdraw 2.5 PLAY sim…', 'evegram wallet withdraw 0.1 SOL 7xKX… --wallet alice.json --yes --json',
  )
    .option('--wallet <file>', 'wallet file that signs (default: the one of login)')
    .option('--memo <text>', 'memo, comment or text of the payment: everybody can read it')
    .option('--id <id>', 'your own id, for scripts: asking again with it asks for the same withdrawal. Without it one is drawn, printed before anything is asked, and named by errors')
    .option('--yes', 'do not ask')
    .option('--wait <seconds>', 'how long to follow it', wholeNumber, 120)
    .action(act(async () => (await import('./commands/wallet-withdraw.js')).walletWithdraw))
  addWithdrawalCommands(add, act, wallet)
  const payments = add(
    wallet, 'payments', 'What you decided to pay with this profile and has no message yet: on its way, or refused', 'evegram wallet payments --json', 'evegram wallet payments dismiss 3f0a12bc',
  )
    .option('--wait <seconds>', 'how long what is on its way may take to arrive', wholeNumber, 5)
    .action(act(async () => (await import('./commands/wallet-payments.js')).walletPayments))
  add(payments, 'dismiss [transfer]', 'Put a refused payment away, by its transfer or the first digits of it; without one, all that were refused', 'evegram wallet payments dismiss 3f0a12bc')
    .action(act(async () => (await import('./commands/wallet-payments.js')).dismissPayment))
  add(wallet, 'history <asset>', 'Your statement, the newest first', 'evegram wallet history PLAY --limit 20', 'evegram wallet history PLAY --before 4711 --json')
    .option('--limit <n>', 'how many, at most 100', wholeNumber, 50)
    .option('--before <number>', 'only lines before this number', postNumber)
    .action(act(async () => (await import('./commands/wallet.js')).walletHistory))
  add(wallet, 'watch', 'What happens to your money as it happens, from now on: deposits, payments, withdrawals', 'evegram wallet watch', 'evegram wallet watch --count 1 --json')
    .option('--count <n>', 'end after n notices', wholeNumber)
    .action(act(async () => (await import('./commands/wallet.js')).walletWatch))
}
