// What all start scripts of peers do: run the program with a folder of its own, tell whoever started the script where it listens and which processes it is, and
// end it with the script. On its own (`node bench/peers/nats.mjs`) a script prints the same as lines of JSON and runs until Ctrl-C.
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastLines } from '../../tools/services/run-tool.mjs'

const START_MS = 60_000
const LOOK_MS = 50
/** The log is shown when a program does not start. */
const LOG_LINES = 15

/**
 * Serves a peer. `prepare({ dir, say, run, listens })` starts what the peer is and resolves with its address: `run(recipe)` starts one program of it
 * (`{ command, args, env, cwd }`, all of whose CPU is the peer's), `listens(port)` resolves when it takes connections; both fail with the end of its log.
 */
export async function serve(name, prepare) {
  const dir = mkdtempSync(join(tmpdir(), `evegram-peer-${name}-`))
  const children = []
  let isEnding = false
  const end = async (code) => {
    if (isEnding) return
    isEnding = true
    // The last one first: a server before the store that it writes to.
    for (const child of [...children].reverse()) await ended(child)
    rmSync(dir, { recursive: true, force: true })
    process.exit(code)
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => void end(0))
  process.on('disconnect', () => void end(0))
  const run = ({ command, args, env = {}, cwd = dir }) => {
    const log = join(dir, `${children.length}.log`)
    const output = openSync(log, 'a')
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', output, output] })
    closeSync(output)
    children.push({ process: child, log })
    child.on('error', (error) => void fail(error))
    // One of its programs ended: then it is no whole peer any more.
    child.on('exit', (code, signal) => { if (!isEnding) void fail(new Error(`${command} ended with ${signal ?? `code ${code}`}:\n${lastLines(readFileSync(log, 'utf8'), LOG_LINES)}`)) })
    return child
  }
  const fail = async (error) => {
    if (isEnding) return
    tell({ kind: 'failed', reason: error.message })
    await end(1)
  }
  try {
    const address = await prepare({ dir, say: (line) => tell({ kind: 'says', line }), run, listens: (port) => listens(port, () => isEnding) })
    tell({ kind: 'listening', address, pids: children.map(({ process: child }) => child.pid) })
  } catch (error) {
    await fail(error)
  }
}

function tell(message) {
  if (process.send === undefined) console.log(JSON.stringify(message))
  // The other end may be gone: then 'disconnect' ends this.
  else process.send(message, () => undefined)
}

function ended({ process: child }) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return undefined
  return new Promise((resolve) => {
    child.once('exit', resolve)
    // Nothing of it is kept.
    child.kill('SIGKILL')
  })
}

async function listens(port, isOver) {
  const deadline = performance.now() + START_MS
  while (!isOver()) {
    if (await answers(port)) return
    if (performance.now() > deadline) throw new Error(`nothing listens on 127.0.0.1:${port} after ${START_MS / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  throw new Error('ended while starting')
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
