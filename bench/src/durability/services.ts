import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import type { DurabilityCase } from './store.js'

const TOOL = fileURLToPath(new URL('../../../tools/services.mjs', import.meta.url))
const UP_TIMEOUT_MS = 420_000
const run = promisify(execFile)

interface State {
  readonly env: Readonly<Record<string, string>>
  readonly processes: readonly { readonly name: string; readonly kind: string; readonly pid: number }[]
}

const VARIABLES = { cassandra: 'EVEGRAM_CASSANDRA', nats: 'EVEGRAM_NATS', redis: 'EVEGRAM_REDIS' } as const

/** Services of their own for one case, in a folder of their own. */
export class CaseServices {
  readonly #case: DurabilityCase
  readonly #dir = mkdtempSync(join(tmpdir(), 'evegram-durability-'))

  constructor(one: DurabilityCase) {
    this.#case = one
  }

  /** Starts what does not run, on its data. Resolves with the addresses. */
  async up(): Promise<readonly string[]> {
    const { kind, nodes, options } = this.#case
    await run(process.execPath, [TOOL, 'up', '--only', kind, '--nodes', String(nodes), '--dir', this.#dir, ...options], { timeout: UP_TIMEOUT_MS })
    return (this.#state().env[VARIABLES[kind]] ?? '').split(',')
  }

  /** Kills with -9: the first process, or all. */
  kill(whom: 'one' | 'all'): void {
    const { processes } = this.#state()
    for (const { pid } of whom === 'all' ? processes : processes.slice(0, 1)) process.kill(pid, 'SIGKILL')
  }

  /** Ends everything and removes its data. */
  async dispose(): Promise<void> {
    try {
      await run(process.execPath, [TOOL, 'down', '--purge', '--dir', this.#dir], { timeout: UP_TIMEOUT_MS })
    } finally {
      rmSync(this.#dir, { recursive: true, force: true })
    }
  }

  #state(): State {
    return JSON.parse(readFileSync(join(this.#dir, 'state.json'), 'utf8')) as State
  }
}
