import type { Command } from 'commander'
import type { Act, Add } from './add.js'
import { secondsOrNone, wholeNumber } from './whole-number.js'

/** `evegram history <address>`, and `evegram history …` for what was said before a device came. */
export function addHistoryCommands(add: Add, act: Act, program: Command): void {
  const command = add(
    program, 'history <address>', 'Catch up and print a conversation in its order; or get what was said before this device came from another own device',
    'evegram history UQ… --json', 'evegram history UQ… --limit 20', 'evegram history request',
  )
    .option('--limit <n>', 'only the last n messages', wholeNumber)
    .option('--ids', 'show the first digits of message ids')
    .option('--no-read', 'do not mark as read what a terminal shows')
    .action(act(async () => (await import('./commands/history.js')).history))
  add(
    command, 'request', 'Ask your other devices for what was said before this one came, and wait for it. Prints the digits that both devices show, to compare on both',
    'evegram history request', 'evegram history request --wait 0 --json',
  )
    .option('--wait <seconds>', 'how long to wait; 0 asks and ends. The request stays for a week', secondsOrNone, 600)
    .action(act(async () => (await import('./commands/own-history.js')).requestHistory))
  add(command, 'status', 'Where the request of this device stands', 'evegram history status --json').action(act(async () => (await import('./commands/own-history.js')).historyStatus))
  add(
    command, 'confirm <device>', 'Take what another device of yours gives, once you saw that it shows the same digits: whoever has your wallet could add one that answers',
    'evegram history confirm 3f0a12bc', 'evegram history confirm 3f0a12bc --code "12345 67890 …" --json',
  )
    .option('--code <digits>', 'the 30 digits that the other device shows (asked for when left out)')
    .option('--wait <seconds>', 'how long to wait for it; 0 does not', secondsOrNone, 600)
    .action(act(async () => (await import('./commands/own-history.js')).confirmHistory))
  add(command, 'refuse <device>', 'Take nothing of a device: it shows other digits, or is not yours', 'evegram history refuse 3f0a12bc').action(act(async () => (await import('./commands/own-history.js')).refuseHistory))
  add(command, 'cancel', 'This device needs no history any more', 'evegram history cancel').action(act(async () => (await import('./commands/own-history.js')).cancelHistory))
  add(command, 'requests', 'Your devices that ask this one for history, with their digits', 'evegram history requests --json').action(act(async () => (await import('./commands/own-history.js')).historyRequests))
  add(
    command, 'approve <device>', 'Give history to another device of yours, once you saw that it shows the same digits; encrypted, through the server',
    'evegram history approve 3f0a12bc', 'evegram history approve 3f0a12bc --code "12345 67890 …" --json',
  )
    .option('--code <digits>', 'the 30 digits that the other device shows (asked for when left out)')
    .option('--wait <seconds>', 'how long to wait until the server has it', wholeNumber, 600)
    .action(act(async () => (await import('./commands/own-history.js')).approveHistory))
  add(command, 'decline <device>', 'Give no history to a device, and tell it', 'evegram history decline 3f0a12bc').action(act(async () => (await import('./commands/own-history.js')).declineHistory))
}
