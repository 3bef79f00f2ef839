import { Command } from 'commander'
import { addBackupCommands } from './backup-commands.js'
import { Context, type CommonOptions } from './context.js'
import { addHistoryCommands } from './history-commands.js'
import { exitCodeHelp, exitCodeOf } from './exit-codes.js'
import { Output } from './output.js'
import { addPlayCommands, addWalletCommands } from './wallet-commands.js'
import { addWallyCommands } from './wally-commands.js'
import { postNumber, wholeNumber } from './whole-number.js'
import type { Act, Add, Work } from './add.js'

/** What the command line is made of. */
export interface ProgramOptions {
  readonly version: string
  /** The process environment; nothing else reads it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Whether errors of the command line itself are told as JSON: the options are not known yet then. */
  readonly json: boolean
}

const START = `Start with:
  evegram keys new --chain solana --out alice.json
  evegram login --wallet alice.json
  evegram chat <address>`

/** A group is named by its name, its id, or the first digits of it. */
function addGroupCommands(add: Add, act: Act, program: Command): void {
  const group = add(
    program, 'group', 'Groups: found them, talk in them, say who is in them', 'evegram group create "North gate" terra1… UQ…',
    'evegram group say "North gate" "see you at eight"',
  )
  add(group, 'create <name> [members...]', 'Found a group of the accounts behind these addresses; you are its owner', 'evegram group create "North gate" terra1… UQ…')
    .action(act(async () => (await import('./commands/group.js')).createGroup))
  add(group, 'add <group> <members...>', 'Add members (owners and admins)', 'evegram group add "North gate" 7xKX…').action(act(async () => (await import('./commands/group.js')).addToGroup))
  add(group, 'remove <group> <members...>', 'Remove members: they read nothing that follows', 'evegram group remove "North gate" 7xKX…')
    .action(act(async () => (await import('./commands/group.js')).removeFromGroup))
  add(group, 'role <group> <member> <role>', 'Make a member an owner, admin or member (owners)', 'evegram group role "North gate" 7xKX… admin')
    .action(act(async () => (await import('./commands/group.js')).setGroupRole))
  add(group, 'rename <group> <name>', 'Name a group anew (owners and admins); the server does not learn the name', 'evegram group rename 3f0a91 "South gate"')
    .action(act(async () => (await import('./commands/group.js')).renameGroup))
  add(group, 'leave <group>', 'Leave a group; the last owner makes another member an owner first', 'evegram group leave "North gate"').action(act(async () => (await import('./commands/group.js')).leaveGroup))
  add(group, 'list', 'The groups of this profile', 'evegram group list --json').action(act(async () => (await import('./commands/group.js')).listGroups))
  add(group, 'members <group>', 'Who is in a group, by its verified log', 'evegram group members "North gate" --json').action(act(async () => (await import('./commands/group.js')).groupMembersOf))
  add(group, 'say <group> <text>', 'Send one message to a group and wait until it is stored', 'evegram group say "North gate" "see you at eight" --json')
    .option('--reply-to <message>', 'the message that it answers: its id or the first digits')
    .option('--wait <seconds>', 'how long to wait for the server to store it', wholeNumber, 20)
    .action(act(async () => (await import('./commands/group.js')).sayInGroup))
  add(group, 'history <group>', 'Catch up and print a group in its order', 'evegram group history "North gate" --limit 20')
    .option('--limit <n>', 'only the last n messages', wholeNumber)
    .option('--ids', 'show the first digits of message ids')
    .action(act(async () => (await import('./commands/group.js')).groupHistory))
}

/** A message is named by its id or the first digits of it: `evegram history --ids` shows them. */
function addAboutMessageCommands(add: Add, act: Act, program: Command): void {
  const about = (command: Command): Command => command.option('--group', 'the conversation is a group, by name or id')
    .option('--wait <seconds>', 'how long to wait for the server to store it', wholeNumber, 20)
  about(add(
    program, 'react <conversation> <message> [emoji]', 'Show an emoji under a message; without one, take yours back', 'evegram react UQ… 3f0a91 👍', 'evegram react "North gate" 3f0a91 --group',
  )).action(act(async () => (await import('./commands/about-message.js')).react))
  about(add(
    program, 'edit <conversation> <message> <text>', 'Make an own message say something else; - reads the text from standard input', 'evegram edit UQ… 3f0a91 "see you at nine"',
  )).action(act(async () => (await import('./commands/about-message.js')).edit))
  about(add(
    program, 'delete <conversation> <message>', 'Take back an own message for everybody; owners and admins of a group may do so with any', 'evegram delete UQ… 3f0a91',
  )).action(act(async () => (await import('./commands/about-message.js')).deleteMessage))
  about(add(
    program, 'timer <conversation> [after]', 'After how long messages disappear once they are read: off, 30s, 5m, 8h, 7d, 4w', 'evegram timer UQ… 7d', 'evegram timer UQ… off', 'evegram timer "North gate" --group --json',
  )).action(act(async () => (await import('./commands/about-message.js')).timer))
}

/** A request is named by the address of who began it, by the id of its conversation or the first digits of that. */
function addRequestCommands(add: Add, act: Act, program: Command): void {
  const command = add(
    program, 'requests', 'What strangers wrote to you, or added you to: it waits for you. Writing back accepts', 'evegram requests --json', 'evegram requests accept UQ…',
  ).action(act(async () => (await import('./commands/requests.js')).requests))
  add(command, 'accept <request>', 'Take what waits, and what follows, as from anybody', 'evegram requests accept UQ…').action(act(async () => (await import('./commands/requests.js')).acceptRequest))
  add(command, 'decline <request>', 'Remove what waits; who goes on makes a new request', 'evegram requests decline 3f0a91').action(act(async () => (await import('./commands/requests.js')).declineRequest))
  add(program, 'block <address>', 'Show nothing of an account any more, on all your devices; it is not told', 'evegram block UQ…').action(act(async () => (await import('./commands/requests.js')).blockAccount))
  add(program, 'unblock <address>', 'Take that back', 'evegram unblock UQ…').action(act(async () => (await import('./commands/requests.js')).unblockAccount))
}

/** A channel is named as a group is. Its link is a secret: it is printed by `create` and `link` alone. */
function addChannelCommands(add: Add, act: Act, program: Command): void {
  const channel = add(
    program, 'channel', 'Channels: authors post, whoever has the link reads. A channel is named by its name, its id, or the first digits of it',
    'evegram channel create "North news"', 'evegram channel post "North news" "the bridge is open"', 'evegram channel follow evegram:…',
    'evegram channel watch "North news"',
  )
  add(
    channel, 'create <name> [authors...]', 'Found a channel; you own it, and these accounts post too. Prints its link: a secret, whoever has it reads',
    'evegram channel create "North news"', 'evegram channel create "North news" terra1… UQ…',
  ).action(act(async () => (await import('./commands/channel.js')).createChannel))
  add(channel, 'link <channel>', 'Print the link of a channel: a secret, whoever has it reads, for ever', 'evegram channel link "North news"')
    .action(act(async () => (await import('./commands/channel.js')).channelLink))
  add(
    channel, 'follow <link>', 'Follow a channel with this device; - reads the link from standard input, out of sight of others on this machine',
    'evegram channel follow evegram:…', 'cat link.txt | evegram channel follow -',
  ).action(act(async () => (await import('./commands/channel.js')).followChannel))
  add(
    channel, 'leave <channel>', 'Follow a channel no more and forget it, its link too; an author leaves the authors first',
    'evegram channel leave "North news"',
  ).action(act(async () => (await import('./commands/channel.js')).leaveChannel))
  add(channel, 'list', 'The channels that this device follows', 'evegram channel list --json').action(act(async () => (await import('./commands/channel.js')).listChannels))
  add(
    channel, 'post <channel> <text>', 'Post in a channel and wait until it is stored (authors); - reads the text from standard input',
    'evegram channel post "North news" "the bridge is open" --json', 'cat news.txt | evegram channel post "North news" -',
  )
    .option('--wait <seconds>', 'how long to wait for the server to store it', wholeNumber, 20)
    .action(act(async () => (await import('./commands/channel-posts.js')).postInChannel))
  add(
    channel, 'read <channel>', 'Catch up and print a channel by number; gaps are named on stderr',
    'evegram channel read "North news" --limit 20', 'evegram channel read "North news" --after 41 --json',
  )
    .option('--after <n>', 'only posts behind number n', postNumber)
    .option('--limit <n>', 'only n posts: the last ones, or with --after the first', wholeNumber)
    .action(act(async () => (await import('./commands/channel-posts.js')).readChannel))
  add(
    channel, 'watch [channel]', 'Print posts as they come, of one channel or of all, until Ctrl-C',
    'evegram channel watch', 'evegram channel watch "North news" --after 41 --json',
  )
    .option('--after <n>', 'begin behind number n instead of with what is new to this device', postNumber)
    .option('--count <n>', 'end after n posts', wholeNumber)
    .action(act(async () => (await import('./commands/channel-posts.js')).watchChannels))
  add(channel, 'authors <channel>', 'Who may post, by the verified log', 'evegram channel authors "North news" --json').action(act(async () => (await import('./commands/channel.js')).channelAuthors))
  add(channel, 'add <channel> <author>', 'Let an account post (owners and admins)', 'evegram channel add "North news" 7xKX…').action(act(async () => (await import('./commands/channel.js')).addAuthor))
  add(
    channel, 'remove <channel> <author>', 'Let an author post no more (owners and admins); who has the link goes on reading',
    'evegram channel remove "North news" 7xKX…',
  ).action(act(async () => (await import('./commands/channel.js')).removeAuthor))
  add(
    channel, 'role <channel> <author> <role>', 'Make an author an owner, admin or member, who only posts (owners)',
    'evegram channel role "North news" 7xKX… admin',
  ).action(act(async () => (await import('./commands/channel.js')).setAuthorRole))
}

/**
 * The command line of the terminal client. `--profile`, `--server` and `--json` stand before or behind the command. `parseAsync` rejects
 * with a CommanderError for a wrong command line; what a command itself fails with is printed, and is in `process.exitCode`.
 */
export function buildProgram({ version, environment, json }: ProgramOptions): Command {
  const program = new Command('evegram')
    .description('Chat end-to-end encrypted; your wallet is your identity.')
    .version(version)
    .option('--profile <dir>', 'folder of the device and its messages (default ~/.evegram/default, or EVEGRAM_PROFILE)')
    .option('--server <url>', 'server (default: the one of the profile, EVEGRAM_SERVER, or http://localhost:8080)')
    .option('--json', 'one JSON object a line on stdout; errors and warnings as JSON on stderr')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => write(json ? `${JSON.stringify({ error: { code: 'invalid.argument', message: text.trim() } })}\n` : text),
    })
    .showHelpAfterError(json ? false : 'Add --help to see what the command takes.')
    .exitOverride()
    .addHelpText('after', `\n${START}\n\n${exitCodeHelp()}`)

  const add = (parent: Command, usage: string, description: string, ...examples: readonly string[]): Command =>
    parent.command(usage).description(description)
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}\n\n${exitCodeHelp()}`)

  const act =
    <Arguments extends unknown[]>(load: () => Promise<Work<Arguments>>) =>
    async (...received: unknown[]): Promise<void> => {
      // commander passes the positional arguments, then the options of the command, then the command.
      const command = received.pop() as Command
      const common = command.optsWithGlobals<CommonOptions>()
      const output = new Output(common.json === true, environment)
      try {
        const context = new Context(common, environment, output)
        const work = await load()
        await work(context, ...(received as Arguments))
      } catch (error) {
        output.failure(error)
        process.exitCode = exitCodeOf(error)
      }
    }

  const keys = add(
    program, 'keys', 'Make and look at wallet files',
    'evegram keys new --chain solana --out alice.json', 'evegram keys show --wallet alice.json',
  )
  add(
    keys, 'new', 'Make a wallet',
    'evegram keys new --chain ton --out alice.json', 'EVEGRAM_WALLET_PASSPHRASE=… evegram keys new --chain terra --out bob.json',
  )
    .requiredOption('--chain <chain>', 'solana, ton or terra')
    .requiredOption('--out <file>', 'file to write (never overwritten)')
    .option('--encrypt', 'ask for a passphrase (EVEGRAM_WALLET_PASSPHRASE encrypts too)')
    .action(act(async () => (await import('./commands/keys.js')).keysNew))
  add(keys, 'show', 'Chain and address of a wallet file', 'evegram keys show --wallet alice.json --json')
    .requiredOption('--wallet <file>', 'wallet file')
    .action(act(async () => (await import('./commands/keys.js')).keysShow))

  add(
    program, 'login', 'Sign in: make this profile a device of the wallet',
    'evegram login --wallet alice.json --profile ~/.evegram/alice',
  )
    .requiredOption('--wallet <file>', 'wallet file')
    .action(act(async () => (await import('./commands/login.js')).login))
  add(
    program, 'send <address> [text]', 'Send one message, or files, and wait until it is stored',
    'evegram send terra1… "see you at eight" --json', 'evegram send terra1… -- "-5 degrees"   (a text that starts with -)',
    'echo "from a file" | evegram send terra1… -', 'evegram send terra1… --file picture.jpg --file notes.pdf "as promised"',
    'evegram send terra1… --file picture.jpg --unchanged   (with the place where it was taken)',
  )
    .option('--file <path>', 'send a file, or several by repeating it, with the text beside them; encrypted on this device', (path: string, before: readonly string[] | undefined): readonly string[] => [...before ?? [], path])
    .option('--unchanged', 'photos (JPEG, PNG, WebP) and films (MP4, MOV) go with the place, time and camera that they hold; otherwise that is taken out of what is sent')
    .option('--reply-to <message>', 'the message that it answers: its id or the first digits')
    .option('--wait <seconds>', 'how long to wait for the server to store it', wholeNumber, 20)
    .action(act(async () => (await import('./commands/send.js')).send))
  add(
    program, 'download <conversation> <message>', 'Fetch, verify and write the files of a message',
    'evegram download UQ… 3f0a12bc', 'evegram download "North gate" 3f0a12bc --group --out ./pictures --json',
  )
    .option('--group', 'the conversation is a group')
    .option('--index <n>', 'only the n-th file, from 1', wholeNumber)
    .option('--out <dir>', 'folder to write to; nothing is overwritten', '.')
    .action(act(async () => (await import('./commands/download.js')).download))
  add(
    program, 'listen', 'Print what arrived since the last listen, then what arrives',
    'evegram listen --json --count 10', 'evegram listen --all --own',
  )
    .option('--count <n>', 'end after n messages', wholeNumber)
    .option('--all', 'start with the first message that the profile has')
    .option('--own', 'print messages of the own account too')
    .option('--no-read', 'do not mark as read what a terminal shows')
    .action(act(async () => (await import('./commands/listen.js')).listen))
  addHistoryCommands(add, act, program)
  add(program, 'gaps <conversation>', 'What is missing in a conversation: of which device, and why', 'evegram gaps UQ…', 'evegram gaps "North gate" --group --json')
    .option('--group', 'the conversation is a group, by name or id')
    .action(act(async () => (await import('./commands/gaps.js')).gaps))
  add(
    program, 'export <file>', 'Write everything that this profile has and the server keeps of your account, as lines of JSON; not encrypted, without keys. - writes to standard output',
    'evegram export mine.ndjson', 'evegram export mine.ndjson --files --json', 'evegram export - | grep \'"type":"message"\'',
  )
    .option('--files', 'the content of files too, fetched from the server')
    .action(act(async () => (await import('./commands/export.js')).exportData))
  add(program, 'chat <address>', 'Chat in the terminal', 'evegram chat 7xKX…', 'evegram chat 7xKX… --no-typing', 'printf "one\\ntwo\\n" | evegram chat 7xKX…')
    .option('--no-typing', 'do not tell the other side while you type')
    .option('--no-read', 'do not mark as read what a terminal shows')
    .action(act(async () => (await import('./commands/chat.js')).chat))

  add(
    program, 'notices', 'What the server told you: deposits, payments, withdrawals. What was paid is what your statement says: evegram wallet history',
    'evegram notices --limit 50', 'evegram notices --follow --json',
  )
    .option('--limit <n>', 'only the last n (default 20)', wholeNumber)
    .option('--follow', 'go on with what the server tells from now on')
    .option('--count <n>', 'end after n', wholeNumber)
    .action(act(async () => (await import('./commands/notices.js')).notices))
  const contactsCommand = add(program, 'contacts', 'Whom you named, accepted or blocked: the same on all your devices', 'evegram contacts --json', 'evegram contacts name 7xKX… "Bob, north gate"')
  contactsCommand.action(act(async () => (await import('./commands/contacts.js')).contacts))
  add(contactsCommand, 'name <address> [name]', 'Give a name that only you see; without one it is taken back', 'evegram contacts name 7xKX… Bob').action(act(async () => (await import('./commands/contacts.js')).nameContact))
  const settingsCommand = add(program, 'settings', 'What counts on all your devices: receipts, typing, presence, language, theme', 'evegram settings --json', 'evegram settings set receipts.read off')
  settingsCommand.action(act(async () => (await import('./commands/settings.js')).settings))
  add(settingsCommand, 'set <name> <value>', 'Change a setting', 'evegram settings set theme dark').action(act(async () => (await import('./commands/settings.js')).changeSetting))
  addAboutMessageCommands(add, act, program)
  addRequestCommands(add, act, program)
  addGroupCommands(add, act, program)
  addBackupCommands(add, act, program)
  addChannelCommands(add, act, program)
  addWalletCommands(add, act, program)
  addWallyCommands(add, act, program)
  addPlayCommands(add, act, program)

  const deviceCommand = add(program, 'devices', 'The devices of the account', 'evegram devices --json', 'evegram devices revoke 3f0a…')
    .action(act(async () => (await import('./commands/devices.js')).devices))
  add(deviceCommand, 'revoke <id>', 'Revoke a device for ever', 'evegram devices revoke 3f0a… --wallet alice.json')
    .option('--wallet <file>', 'wallet file (default: the one of login; not needed for this device itself)')
    .action(act(async () => (await import('./commands/devices.js')).revokeDevice))
  add(program, 'verify <address>', 'Safety number and devices of a contact', 'evegram verify terra1… --json', 'evegram verify terra1… --mark')
    .option('--mark', 'remember the present devices as verified')
    .action(act(async () => (await import('./commands/verify.js')).verify))
  add(
    program, 'verify-web <url>', 'Compare the page that a server serves with the one that was published', 'evegram verify-web https://chat.example --hash 9f2c…',
    'evegram verify-web http://localhost:8080 --manifest ./evegram-page.json --json',
  )
    .option('--hash <sha256>', 'bundle hash that the release published')
    .option('--manifest <file>', 'manifest of your own build (evegram-page.json)')
    .action(act(async () => (await import('./commands/verify-web.js')).verifyWeb))

  const walletCommand = add(
    program, 'wallets', 'The wallets of the account', 'evegram wallets --json', 'evegram wallets link --new-wallet ton.json',
  ).action(act(async () => (await import('./commands/wallets.js')).wallets))
  add(walletCommand, 'link', 'Link another wallet to the account', 'evegram wallets link --new-wallet ton.json --wallet alice.json')
    .requiredOption('--new-wallet <file>', 'wallet file to link')
    .option('--wallet <file>', 'wallet file of the founding wallet (default: the one of login)')
    .action(act(async () => (await import('./commands/wallets.js')).linkWallet))
  add(walletCommand, 'unlink <address>', 'Unlink a wallet', 'evegram wallets unlink terra1… --wallet alice.json')
    .option('--wallet <file>', 'the wallet itself or the founding one (default: the one of login)')
    .action(act(async () => (await import('./commands/wallets.js')).unlinkWallet))

  add(
    program, 'echo', 'Answer every message with its own text (at most 60 a minute to one sender)',
    'evegram echo --wallet echo.json', 'evegram echo --profile ./echo --new-wallet',
  )
    .option('--wallet <file>', 'wallet file (default: wallet.json in the profile)')
    .option('--new-wallet', 'make the wallet when there is none')
    .option('--quiet', 'print nothing')
    .action(act(async () => (await import('./commands/echo.js')).echo))
  add(program, 'doctor', 'Check the way to the server and say what to mend', 'evegram doctor --server https://chat.example').action(act(async () => (await import('./commands/doctor.js')).doctor))
  return program
}
