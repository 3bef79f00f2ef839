import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import type { NotedProcess } from '../services/process-identity.mjs'

const TOOL = fileURLToPath(new URL('../services.mjs', import.meta.url))

/** What `npm run services` notes of what it started. */
export interface ServicesState {
  readonly env: Readonly<Record<string, string>>
  readonly processes: readonly (NotedProcess & { readonly address: string; readonly kind: string })[]
}

/** Services of one kind, in a folder of their own. */
export interface ServicesScene {
  readonly dir: () => string
  /** Runs `npm run services` on the folder; what it printed. Rejects with what it said was wrong. */
  readonly services: (...args: readonly string[]) => Promise<string>
  readonly up: () => Promise<string>
  readonly state: () => ServicesState
}

/** Real services of `kind`, started natively before the tests of a file and ended after them. */
export function servicesScene(kind: string): ServicesScene {
  let folder = ''
  const services = (...args: readonly string[]): Promise<string> => new Promise((resolve, reject) => {
    execFile(process.execPath, [TOOL, ...args, '--dir', folder], (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(stderr, { cause: error }))
    })
  })
  const up = (): Promise<string> => services('up', '--native', '--only', kind)
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), `evegram-${kind}-`))
    await up()
  })
  afterAll(async () => {
    await services('down', '--purge')
    rmSync(folder, { recursive: true, force: true })
  })
  return { dir: () => folder, services, up, state: () => JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')) as ServicesState }
}
