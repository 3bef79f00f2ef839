import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { EvegramError } from '@evegram/protocol'

const run = promisify(execFile)
const COMMAND_MS_MAX = 60_000
const OUTPUT_BYTES_MAX = 16 * 1_024 * 1_024
const REASON_CHARACTERS_MAX = 600

/** The program of a Terra Classic node, and a folder that its commands work on. */
export class TerradProgram {
  readonly path: string
  readonly home: string

  constructor(path: string, home: string) {
    this.path = path
    this.home = home
  }

  /** Runs a command to its end and resolves with what it printed. Rejects `invalid.config` with its last words. */
  async run(...args: readonly string[]): Promise<string> {
    try {
      const { stdout, stderr } = await run(this.path, [...args, '--home', this.home], { timeout: COMMAND_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX })
      // Old releases answer some questions on standard error.
      return stdout === '' ? stderr : stdout
    } catch (cause) {
      const said = cause instanceof Error ? cause.message.trim() : 'no reason'
      throw new EvegramError('invalid.config', {
        operation: 'run terrad', cause, advice: `${this.path} ${args[0] ?? ''} did not do what it was asked: ${said.slice(-REASON_CHARACTERS_MAX)}`,
      })
    }
  }

  /** The release that it says it is. */
  async version(): Promise<string> {
    return (await this.run('version')).trim().split('\n').at(-1) ?? ''
  }

  /** Where the commands for the first state are: below `genesis` since SDK 0.47, at the top before. */
  async genesisCommand(): Promise<readonly string[]> {
    // Programs that have no such command say so by failing, or with the help of the whole.
    const help = await this.run('genesis', '--help').catch(() => '')
    return /genesis \[(command|flags)\]/.test(help) ? ['genesis'] : []
  }
}
