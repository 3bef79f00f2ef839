import type { Command } from 'commander'
import type { Act, Add } from './add.js'

/** `evegram backup …`: encrypted backups of the profile. Secrets are asked for, or come from the environment: they are no arguments, which others on the machine see. */
export function addBackupCommands(add: Add, act: Act, program: Command): void {
  const backup = add(
    program, 'backup', 'Encrypted backups of what was said: conversations, groups, channels, contacts; no keys of this device. They open with a recovery code or a passphrase',
    'evegram backup create', 'evegram backup create --to chats.evegram-backup', 'evegram backup restore --from chats.evegram-backup',
  )
  add(
    backup, 'create', 'Make a backup at the server, or in a file. The first one prints the recovery code: write it down, it is shown once',
    'evegram backup create', 'evegram backup create --to chats.evegram-backup --json',
  )
    .option('--to <file>', 'write it to a file instead (never overwritten)')
    .option('--passphrase', 'first backup: open it with a passphrase instead of a code (asked for, or EVEGRAM_BACKUP_PASSPHRASE)')
    .action(act(async () => (await import('./commands/backup.js')).backupCreate))
  add(
    backup, 'restore', 'Merge a backup into this profile: what it read itself stays. Asks for the recovery code (or EVEGRAM_RECOVERY_CODE)',
    'evegram backup restore', 'evegram backup restore --from chats.evegram-backup --json',
  )
    .option('--from <file>', 'read it from a file instead of the server')
    .option('--passphrase', 'it opens with a passphrase (asked for, or EVEGRAM_BACKUP_PASSPHRASE)')
    .action(act(async () => (await import('./commands/backup.js')).backupRestore))
  add(backup, 'status', 'What opens the backups, and where the newest are', 'evegram backup status --json').action(act(async () => (await import('./commands/backup.js')).backupStatus))
  add(backup, 'code', 'Take a new recovery code for the backups from now on; earlier ones keep theirs', 'evegram backup code')
    .option('--passphrase', 'take a passphrase instead (asked for, or EVEGRAM_BACKUP_PASSPHRASE)')
    .action(act(async () => (await import('./commands/backup.js')).backupCode))
}
