import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DriverName } from '../drivers/driver-names.js'
import type { FromRelay } from '../drivers/relay-protocol.js'
import { costOf } from './cost-of.js'
import type { Target } from './target.js'

/** A process runs the build, also when a test runs the source. */
const PEERS = new URL('../../../dist/load/peers/', import.meta.url)
const START_MS = 15_000
/** Of the histogram in `peers/relay-parent.ts`. */
const EVENT_LOOP_RESOLUTION_MS = 10

/** Starts a relay of `peers/` for one run. Rejects when it does not start. */
export async function relayTarget(driver: Exclude<DriverName, 'evegram'>): Promise<Target> {
  const child = fork(fileURLToPath(new URL(`${driver}-process.js`, PEERS)), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  let delayMs: number | undefined
  try {
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the relay ${driver} did not start in time`)), START_MS)
      child.once('exit', () => {
        clearTimeout(timer)
        reject(new Error(`the relay ${driver} ended while starting`))
      })
      child.on('message', (message) => {
        const told = message as FromRelay // sent by the relay, of the same build
        if (told.kind === 'eventLoop') delayMs = Math.max(0, told.delayP99Ms - EVENT_LOOP_RESOLUTION_MS)
        else {
          clearTimeout(timer)
          resolve(told.port)
        }
      })
    })
    const pids = child.pid === undefined ? [] : [child.pid]
    return {
      driver, description: `the relay ${driver}, started by this run`, url: `http://127.0.0.1:${String(port)}`, ws: `ws://127.0.0.1:${String(port)}`, pids,
      cost: () => costOf(pids), eventLoopDelayMs: async () => delayMs, dispose: () => end(child),
    }
  } catch (error) {
    await end(child)
    throw error
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    child.once('exit', () => { resolve() })
    child.kill('SIGKILL')
  })
}
