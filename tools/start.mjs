#!/usr/bin/env node
// `npm start`: install, build, then run the server and the echo account, each a process of its own, until this one ends.
import { fork } from 'node:child_process'
import { join, resolve } from 'node:path'
import { whenLauncherEnds } from './launcher.mjs'
import { build, install, requireNode, root } from './prepare.mjs'
import { buildPage, PAGE_DIR } from './web.mjs'

const RESTARTS_MAX = 5
const RESTART_WINDOW_MS = 60_000
const STOP_MS = 10_000

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(`npm start [-- --no-echo]

Installs what is missing, builds, and runs Evegram on this machine:
  http://localhost:8080   the page, sign-in and API  EVEGRAM_HTTP_PORT
  ws://localhost:8081     messages                   EVEGRAM_WS_PORT
  http://localhost:8082   metrics, health (admin)    EVEGRAM_ADMIN_PORT
Data is kept in ./.evegram (EVEGRAM_DATA_DIR). --no-echo (or EVEGRAM_ECHO=off) leaves out the account that answers every message.
All settings: docs/operations.md`)
  process.exit(0)
}

requireNode()
await install()
// Only what runs here: the harness is built by its own commands.
await build(console.error, ['standalone', 'clients/cli', 'clients/web'])
await buildPage()

const dataDir = resolve(root, process.env['EVEGRAM_DATA_DIR'] ?? '.evegram')
const wantsEcho = !process.argv.includes('--no-echo') && process.env['EVEGRAM_ECHO'] !== 'off'
/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set()
let stopping = false

/**
 * Starts a program that ends with this process (it watches the IPC channel) and is started again when it dies.
 * One that is needed takes everything down when it cannot run.
 */
function supervise(name, path, args, { env = {}, isNeeded = false, onMessage = () => {} } = {}) {
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
        const ended = `${name} ended with ${signal ?? `code ${String(code)}`}${code === 2 ? '' : ' too often'}`
        console.error(isNeeded ? `${ended}; stopping.` : `${ended}; going on without it.`)
        if (isNeeded) stop(code === 2 ? 2 : 1)
        return
      }
      console.error(`${name} ended with ${signal ?? `code ${String(code)}`}; starting it again.`)
      setTimeout(() => {
        if (!stopping) start()
      }, Math.min(5_000, 200 * 2 ** (recent - 1)))
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

whenLauncherEnds('start', () => stop())

let echoStarted = false
// People, profiles and the echo know the server by its ports: a free one that was picked once stays the same when the server starts again.
const serverEnv = { EVEGRAM_DATA_DIR: dataDir, EVEGRAM_WEB_DIR: process.env['EVEGRAM_WEB_DIR'] ?? PAGE_DIR }
supervise('server', 'standalone/dist/main.js', [], {
  env: serverEnv,
  isNeeded: true,
  onMessage(message) {
    if (message?.kind !== 'listening') return
    const { http, ws, admin } = message.ports
    Object.assign(serverEnv, { EVEGRAM_HTTP_PORT: String(http), EVEGRAM_WS_PORT: String(ws), EVEGRAM_ADMIN_PORT: String(admin) })
    if (!wantsEcho || echoStarted) return
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
