// What `npm start` and `npm test` do first on a machine that holds nothing but Node: install, then build. Node built-ins only.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the repository. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const STAMP = join(root, 'node_modules', '.evegram-lock-hash')
const BUILD_LOCK = join(root, 'node_modules', '.evegram-build-lock')
const BUILD_MS_MAX = 300_000
const NODE_MAJOR_MIN = 20

/** Ends the process with a message that says what to do when this Node is too old. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > NODE_MAJOR_MIN || (major === NODE_MAJOR_MIN && minor >= 19)) return
  console.error(`Evegram needs Node 20.19 or newer; this is ${process.versions.node}. Install Node 20 (see .nvmrc) and try again.`)
  process.exit(1)
}

/** How long what was told to end may take before it is ended. */
const END_GRACE_MS = 10_000

/**
 * Runs a command in the repository; its output is shown (or goes to the file descriptor `output`) when `quiet` is false or when it fails. Rejects on a non-zero
 * exit. When `signal` is aborted the command ends with all that it started: it has a process group of its own then, which a terminal does not interrupt by itself.
 */
export function run(command, args, { quiet = false, env = process.env, signal, output: shownAt = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const shown = signal === undefined && shownAt === 'inherit' ? 'inherit' : ['ignore', shownAt, shownAt]
    const child = spawn(command, args, { cwd: root, env, stdio: quiet ? ['ignore', 'pipe', 'pipe'] : shown, detached: signal !== undefined })
    let kill
    const end = () => {
      endGroup(child.pid, 'SIGTERM')
      kill = setTimeout(() => endGroup(child.pid, 'SIGKILL'), END_GRACE_MS)
    }
    signal?.addEventListener('abort', end, { once: true })
    if (signal?.aborted) end()
    let output = ''
    const keep = (chunk) => {
      output = (output + String(chunk)).slice(-20_000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('error', reject)
    child.on('close', (code, endedBy) => {
      signal?.removeEventListener('abort', end)
      clearTimeout(kill)
      if (code === 0) {
        resolve(undefined)
        return
      }
      if (quiet) process.stderr.write(output)
      reject(new Error(`${command} ${args.join(' ')} ended with ${endedBy ?? `code ${String(code)}`}`))
    })
  })
}

/** Signals every process of a group; one that has ended already is no failure. */
function endGroup(pid, name) {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** Installs what the lockfile names, unless exactly that is installed. */
export async function install(say = console.error) {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const wanted = createHash('sha256').update(lock).digest('hex')
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return
  if (!isInstalled(JSON.parse(lock))) {
    say('Installing dependencies (once, about a minute) …')
    await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { quiet: true })
  }
  writeFileSync(STAMP, wanted)
}

/** Whether node_modules holds every package of `lock`, as npm itself noted there: then somebody ran `npm install`. */
function isInstalled(lock) {
  const note = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(note)) return false
  const { packages: present } = JSON.parse(readFileSync(note, 'utf8'))
  return Object.entries(lock.packages).every(([path, { version, integrity, link, optional }]) => {
    // Optional packages are those of other systems too; a workspace is its link.
    if (!path.includes('node_modules/') || optional === true) return true
    const found = present[path]
    return found !== undefined && (link === true ? found.link === true : found.version === version && found.integrity === integrity)
  })
}

/** Compiles what changed in `projects` (all when none are named) and what they need. One at a time on this machine: two would write the same files. */
export async function build(say = console.error, projects = []) {
  if (!existsSync(join(root, 'standalone', 'dist', 'main.js'))) say('Building (once, under a minute) …')
  const release = await lockBuild()
  try {
    await run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', ...projects], { quiet: true })
  } finally {
    release()
  }
}

/** Takes the build for this process; a lock of a process that is gone, or older than any build, is taken over. */
async function lockBuild() {
  const release = () => rmSync(BUILD_LOCK, { force: true })
  for (;;) {
    try {
      writeFileSync(BUILD_LOCK, String(process.pid), { flag: 'wx' })
      return release
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    try {
      const isOld = Date.now() - statSync(BUILD_LOCK).mtimeMs > BUILD_MS_MAX
      const holder = Number(readFileSync(BUILD_LOCK, 'utf8'))
      if (isOld || (holder > 0 && !isAlive(holder))) release()
    } catch (error) {
      // Released just now.
      if (error.code !== 'ENOENT') throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
