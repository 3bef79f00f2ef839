#!/usr/bin/env node
// `npm start`: install, build, then run the server and the echo account, each a process of its own, until this one ends.
import { fork } from 'node:child_process'
import { join, resolve } from 'node:path'
import { build, install, requireNode, root } from './prepare.mjs'

const RESTARTS_MAX = 5
const RESTART_WINDOW_MS = 60_000
const STOP_MS = 10_000

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(`npm start [-- --no-echo]

Installs what is missing, builds, and runs Evegram on this machine:
  http://localhost:8080   pages, sign-in and API     EVEGRAM_HTTP_PORT
  ws://localhost:8081     messages                   EVEGRAM_WS_PORT
  http://localhost:8082   metrics, health (admin)    EVEGRAM_ADMIN_PORT
Data is kept in ./.evegram (EVEGRAM_DATA_DIR). --no-echo leaves out the account that answers every message.
All settings: docs/operations.md`)
  process.exit(0)
}

requireNode()
await install()
await build()

const dataDir = resolve(root, process.env['EVEGRAM_DATA_DIR'] ?? '.evegram')
const wantsEcho = !process.argv.includes('--no-echo') && process.env['EVEGRAM_ECHO'] !== 'off'
/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set()
let stopping = false

/** Starts a program that ends with this process (it watches the IPC channel) and is started again when it dies. */
function supervise(name, path, args, { env = {}, onMessage = () => {} } = {}) {
  const starts = []
  const start = () => {
    const child = fork(join(root, path), args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    children.add(child)
    starts.push(Date.now())
    child.on('message', (message) => onMessage(message, child))
    child.on('exit', (code, signal) => {
      children.delete(child)
      if (stopping) {
        if (children.size === 0) process.exit(0)
        return
      }
      // Exit code 2 is "cannot run like this" (a port or folder is taken, a setting is wrong): starting again would not help.
      const recent = starts.filter((at) => at > Date.now() - RESTART_WINDOW_MS).length
      if (code === 2 || recent > RESTARTS_MAX) {
        console.error(`${name} ended with ${signal ?? `code ${String(code)}`}${code === 2 ? '' : ' too often'}; stopping.`)
        stop(name === 'server' ? 1 : undefined)
        return
      }
      console.error(`${name} ended with ${signal ?? `code ${String(code)}`}; starting it again.`)
      setTimeout(start, Math.min(5_000, 200 * 2 ** (recent - 1)))
    })
  }
  start()
}

function stop(exitCode = 0) {
  if (stopping) return
  stopping = true
  if (exitCode !== 0) process.exitCode = exitCode
  for (const child of children) child.kill('SIGTERM')
  setTimeout(() => {
    for (const child of children) child.kill('SIGKILL')
    process.exit()
  }, STOP_MS).unref()
  if (children.size === 0) process.exit()
}
process.on('SIGINT', () => stop())
process.on('SIGTERM', () => stop())

let echoStarted = false
supervise('server', 'standalone/dist/main.js', [], {
  env: { EVEGRAM_DATA_DIR: dataDir },
  onMessage(message) {
    if (message?.kind !== 'listening' || !wantsEcho || echoStarted) return
    echoStarted = true
    supervise('echo', 'clients/cli/bin/evegram.js', ['echo', '--profile', `${dataDir}-echo`, '--server', message.url, '--quiet', '--new-wallet'], {
      onMessage(fromEcho) {
        if (fromEcho?.kind === 'echo-address') {
          console.log(`Echo account (answers every message): ${fromEcho.address}`)
        }
      },
    })
  },
})
