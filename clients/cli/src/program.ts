import { Command } from 'commander'
import { chat } from './commands/chat.js'
import { devices, revokeDevice } from './commands/devices.js'
import { doctor } from './commands/doctor.js'
import { echo } from './commands/echo.js'
import { history } from './commands/history.js'
import { keysNew, keysShow } from './commands/keys.js'
import { listen } from './commands/listen.js'
import { login } from './commands/login.js'
import { send } from './commands/send.js'
import { verify } from './commands/verify.js'
import { linkWallet, unlinkWallet, wallets } from './commands/wallets.js'
import { Context, type CommonOptions } from './context.js'
import { exitCodeHelp, exitCodeOf } from './exit-codes.js'

/** The command line of the terminal client. `environment` is the process environment; nothing else reads it. */
export function buildProgram(version: string, environment: Readonly<Record<string, string | undefined>>): Command {
  const program = new Command('evegram')
    .description('Chat end-to-end encrypted; your wallet is your identity.')
    .version(version)
    .showHelpAfterError('Add --help to see what the command takes.')
    .addHelpText('after', `\n${exitCodeHelp()}\n\nStart with:\n  evegram keys new --chain solana --out alice.json\n  evegram login --wallet alice.json\n  evegram chat <address>`)
    .configureHelp({ showGlobalOptions: true })

  const add = (parent: Command, usage: string, description: string, example: string): Command =>
    parent
      .command(usage)
      .description(description)
      .option('--profile <dir>', 'folder of the device and its messages (default ~/.evegram/default, or EVEGRAM_PROFILE)')
      .option('--server <url>', 'server (default: the one of the profile, EVEGRAM_SERVER, or http://localhost:8080)')
      .option('--json', 'one JSON object a line on stdout; errors as JSON on stderr')
      .addHelpText('after', `\nExample:\n  ${example}\n\n${exitCodeHelp()}`)

  const act =
    <Arguments extends unknown[]>(work: (context: Context, ...parameters: Arguments) => Promise<void>) =>
    async (...received: unknown[]): Promise<void> => {
      // commander passes the positional arguments, then the options, then the command.
      const command = received.pop() as Command
      const options = received[received.length - 1] as CommonOptions
      const context = new Context(options, environment)
      try {
        await work(context, ...(received as Arguments))
      } catch (error) {
        context.output.failure(error)
        process.exitCode = exitCodeOf(error)
      }
      void command
    }

  const keys = program.command('keys').description('Make and look at wallet files')
  add(keys, 'new', 'Make a wallet (EVEGRAM_WALLET_PASSPHRASE encrypts it)', 'evegram keys new --chain ton --out alice.json')
    .requiredOption('--chain <chain>', 'solana, ton or terra')
    .requiredOption('--out <file>', 'file to write (never overwritten)')
    .action(act(keysNew))
  add(keys, 'show', 'Chain and address of a wallet file', 'evegram keys show --wallet alice.json --json')
    .requiredOption('--wallet <file>', 'wallet file')
    .action(act(keysShow))

  add(program, 'login', 'Sign in: make this profile a device of the wallet', 'evegram login --wallet alice.json --profile ~/.evegram/alice')
    .requiredOption('--wallet <file>', 'wallet file')
    .action(act(login))
  add(program, 'send <address> <text>', 'Send one message and wait until it is stored', 'evegram send terra1… "see you at eight" --json').action(act(send))
  add(program, 'listen', 'Print what arrived since the last listen, then what arrives', 'evegram listen --json --count 10')
    .option('--count <n>', 'end after n messages')
    .option('--all', 'start with the first message that the profile has')
    .option('--own', 'print messages of the own account too')
    .action(act(listen))
  add(program, 'history <address>', 'Catch up and print a conversation in its order', 'evegram history UQ… --json')
    .option('--limit <n>', 'only the last n messages')
    .action(act(history))
  add(program, 'chat <address>', 'Chat in the terminal', 'evegram chat 7xKX…').action(act(chat))

  const deviceCommand = add(program, 'devices', 'The devices of the account', 'evegram devices --json').enablePositionalOptions().action(act(devices))
  add(deviceCommand, 'revoke <id>', 'Revoke a device for ever', 'evegram devices revoke 3f… --wallet alice.json')
    .option('--wallet <file>', 'wallet file (not needed for this device itself)')
    .action(act(revokeDevice))
  add(program, 'verify <address>', 'Safety number and devices of a contact', 'evegram verify terra1… --json')
    .option('--mark', 'remember the present devices as verified')
    .action(act(verify))

  const walletCommand = add(program, 'wallets', 'The wallets of the account', 'evegram wallets --json').enablePositionalOptions().action(act(wallets))
  add(walletCommand, 'link', 'Link another wallet to the account', 'evegram wallets link --new-wallet ton.json --wallet alice.json')
    .requiredOption('--new-wallet <file>', 'wallet file to link')
    .option('--wallet <file>', 'wallet file of the founding wallet')
    .action(act(linkWallet))
  add(walletCommand, 'unlink <address>', 'Unlink a wallet', 'evegram wallets unlink terra1… --wallet alice.json')
    .option('--wallet <file>', 'the wallet itself or the founding one')
    .action(act(unlinkWallet))

  add(program, 'echo', 'Answer every message with its own text', 'evegram echo --wallet echo.json')
    .option('--wallet <file>', 'wallet file (default: wallet.json in the profile)')
    .option('--new-wallet', 'make the wallet when there is none')
    .option('--quiet', 'print nothing')
    .action(act(echo))
  add(program, 'doctor', 'Check the way to the server and say what to mend', 'evegram doctor --server https://chat.example').action(act(doctor))
  return program
}
