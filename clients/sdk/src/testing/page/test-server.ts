import { execFile, fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../../../../', import.meta.url))
/** A machine that is busy with other tests is several times slower than one that is not. */
const START_MS = 120_000
const BUILD_MS = 300_000

/** A server in a process of its own on free ports, with a folder of its own. */
export interface TestServer {
  readonly url: string
  close(): Promise<void>
}

/** Compiles the server, as `npm start` does, and starts it: without its wallet bridge, which costs four times what the rest of it costs to start. */
export async function startTestServer(): Promise<TestServer> {
  await promisify(execFile)(process.execPath, [join(root, 'tools/build.mjs'), 'standalone'], { timeout: BUILD_MS })
  const dataDir = mkdtempSync(join(tmpdir(), 'evegram-page-'))
  const child = fork(join(root, 'standalone/dist/main.js'), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, EVEGRAM_DATA_DIR: dataDir, EVEGRAM_QUIET: 'true', EVEGRAM_LOG_LEVEL: 'error', EVEGRAM_HTTP_PORT: '0', EVEGRAM_WS_PORT: '0', EVEGRAM_ADMIN_PORT: '0', EVEGRAM_WALLY: 'false' },
  })
  const port = await new Promise<number>((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error('the server did not start in time')) }, START_MS)
    child.once('exit', (code) => { reject(new Error(`the server ended with ${String(code)}`)) })
    child.once('message', (message: { readonly ports: { readonly http: number } }) => {
      clearTimeout(timer)
      resolve(message.ports.http)
    })
  })
  return {
    url: `http://localhost:${String(port)}`,
    async close() {
      await ended(child)
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}
