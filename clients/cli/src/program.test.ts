import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { EXIT_CODES } from './exit-codes.js'
import { buildProgram } from './program.js'

interface Help {
  readonly name: string
  readonly text: string
}

function helpOf(command: Command, name: string): Help[] {
  let text = ''
  command.configureOutput({ writeOut: (part) => { text += part } })
  command.outputHelp()
  return [{ name, text }, ...command.commands.flatMap((sub) => helpOf(sub, `${name} ${sub.name()}`))]
}

describe('the command line', () => {
  const helps = helpOf(buildProgram({ version: '1.2.3', environment: {}, json: false }), 'evegram')

  it('has every documented command', () => {
    expect(helps.map(({ name }) => name.replace('evegram ', '')).sort()).toEqual([
      'backup', 'backup code', 'backup create', 'backup restore', 'backup status', 'block', 'channel', 'channel add', 'channel authors', 'channel create', 'channel follow', 'channel leave', 'channel link', 'channel list', 'channel post', 'channel read',
      'channel remove', 'channel role', 'channel watch', 'chat', 'contacts', 'contacts name', 'delete', 'devices', 'devices revoke', 'doctor', 'download', 'echo', 'edit', 'evegram', 'export', 'gaps', 'group', 'group add', 'group create', 'group history', 'group leave',
      'group list', 'group members', 'group remove', 'group rename', 'group role', 'group say', 'history', 'history approve', 'history cancel', 'history confirm', 'history decline', 'history refuse', 'history request', 'history requests', 'history status', 'keys', 'keys new', 'keys show', 'listen', 'login', 'notices', 'play', 'play address', 'play balance',
      'play faucet', 'play fund', 'play pay', 'react', 'requests', 'requests accept', 'requests decline', 'send', 'settings', 'settings set', 'timer', 'unblock', 'verify', 'verify-web', 'wallet', 'wallet balance', 'wallet deposit', 'wallet history', 'wallet payments', 'wallet payments dismiss', 'wallet request', 'wallet send', 'wallet watch', 'wallet withdraw', 'wallet withdrawals', 'wallet withdrawals ask', 'wallet withdrawals forget',
      'wallets', 'wallets link', 'wallets unlink', 'wally', 'wally accounts', 'wally alarms', 'wally approve', 'wally audit', 'wally audit verify', 'wally decide',
      'wally pause', 'wally payout', 'wally payouts', 'wally proposals', 'wally reconcile', 'wally refuse', 'wally resume', 'wally status', 'wally suspense', 'wally transfer', 'wally transfers',
    ])
  })

  it.each(helps)('explains $name with options, an example of its own and all exit codes', ({ name, text }) => {
    for (const option of ['--profile <dir>', '--server <url>', '--json']) expect(text).toContain(option)
    expect(text.split('Examples:').at(-1)).toContain(name)
    for (const [code, meaning] of Object.values(EXIT_CODES)) expect(text).toMatch(new RegExp(`^ {2}${String(code)} +${meaning}$`, 'm'))
  })

  it('prints a wrong command line as JSON for machines', async () => {
    let printed = ''
    const program = buildProgram({ version: '1.2.3', environment: {}, json: true })
    for (const command of program.commands) command.configureOutput({ writeErr: (text) => { printed += text } })
    await expect(program.parseAsync(['send', '--json'], { from: 'user' })).rejects.toMatchObject({ code: 'commander.missingArgument' })
    expect(JSON.parse(printed)).toEqual({ error: { code: 'invalid.argument', message: "error: missing required argument 'address'" } })
  })
})
