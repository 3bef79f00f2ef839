import { fork, type ChildProcess } from 'node:child_process'
import type { PeerName } from '../drivers/driver-names.js'
import { peerAdvice, peerFault, peerProgram } from '../peers/peer-programs.js'
import { UsageError } from '../usage-error.js'
import type { FromPeer } from './from-peer.js'
import { processTree, treeCost } from './process-tree.js'
import type { Target } from './target.js'

/** From the last thing that it said: a peer that is fetched or built says so, again and again. */
const SILENT_MS_MAX = 120_000
const END_MS_MAX = 10_000
/** Of the histogram in `peers/peer-parent.ts`. */
const EVENT_LOOP_RESOLUTION_MS = 10

/** Starts a peer for one run. Rejects with {@link UsageError} when its program is not there, and with what it said when it does not start. */
export async function peerTarget(driver: PeerName, say: (line: string) => void = () => undefined): Promise<Target> {
  const fault = peerFault(driver)
  if (fault !== undefined) throw new UsageError(`${driver} cannot be started: ${fault}; ${peerAdvice(driver)}`)
  const { script, args } = peerProgram(driver)
  const child = fork(script, [...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  let delayMs: number | undefined
  try {
    const { address, pids = child.pid === undefined ? [] : [child.pid] } = await new Promise<Extract<FromPeer, { kind: 'listening' }>>((resolve, reject) => {
      const fail = (reason: string): void => {
        clearTimeout(timer)
        reject(new Error(`the peer ${driver} ${reason}`))
      }
      let timer = setTimeout(() => { fail('did not start in time') }, SILENT_MS_MAX)
      child.once('exit', () => { fail('ended while starting') })
      child.on('message', (message) => {
        const told = message as FromPeer // sent by the peer's process, of the same build
        switch (told.kind) {
          case 'eventLoop': delayMs = Math.max(0, told.delayP99Ms - EVENT_LOOP_RESOLUTION_MS); return
          case 'failed': fail(`cannot be started: ${told.reason}`); return
          case 'says':
            clearTimeout(timer)
            timer = setTimeout(() => { fail('did not start in time') }, SILENT_MS_MAX)
            say(told.line)
            return
          case 'listening':
            clearTimeout(timer)
            resolve(told)
            return
          default: told satisfies never
        }
      })
    })
    return {
      driver, description: `${driver}, started by this run`, url: address, ws: address, pids: processTree(pids),
      cost: () => treeCost(pids), eventLoopDelayMs: async () => delayMs, dispose: () => end(child),
    }
  } catch (error) {
    await end(child)
    throw error
  }
}

/** Lets it end what it started; a process that does not end is killed. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
