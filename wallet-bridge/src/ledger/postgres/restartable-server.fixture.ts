import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SERVICES = fileURLToPath(new URL('../../../../tools/services.mjs', import.meta.url))

/** What `npm run services` notes. */
interface ServicesState {
  readonly env: Readonly<Record<string, string>>
  readonly processes: readonly { readonly pid: number }[]
}

/** A PostgreSQL server of one test file alone, that can be killed under those who use it. */
export class RestartableServer {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes and starts one. The first time on a machine its programs are fetched. */
  static async start(): Promise<RestartableServer> {
    const server = new RestartableServer(mkdtempSync(join(tmpdir(), 'evegram-ledger-server-')))
    await server.resume()
    return server
  }

  /** The same after every restart. */
  get url(): string {
    return this.#state().env['EVEGRAM_POSTGRES'] ?? ''
  }

  /** Ends it as `kill -9` does: what was acknowledged is on its disk, and every connection breaks. */
  kill(): void {
    const [{ pid } = { pid: 0 }] = this.#state().processes
    process.kill(pid, 'SIGKILL')
  }

  /** Starts it again. Resolved = it answers. */
  async resume(): Promise<void> {
    await this.#services('up', '--native', '--only', 'postgres')
  }

  /** Ends it and removes what it stored. */
  async close(): Promise<void> {
    await this.#services('down', '--purge')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #state(): ServicesState {
    return JSON.parse(readFileSync(join(this.#folder, 'state.json'), 'utf8')) as ServicesState
  }

  #services(...args: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [SERVICES, ...args, '--dir', this.#folder], (error, _stdout, stderr) => {
        if (error === null) resolve()
        else reject(new Error(stderr, { cause: error }))
      })
    })
  }
}
