// Wall clocks that can be set wrong, one for each process, by libfaketime: the clock of the machine stays as it is.
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, entryName } from '../services/cache.mjs'
import { findProgram } from '../services/preflight.mjs'
import { runTool } from '../services/run-tool.mjs'

const PACKAGE = 'libfaketime'
const LIBRARY = 'libfaketime.so.1'
const FETCH_MS_MAX = 120_000
const CHECK_MS_MAX = 20_000
/** How often a process looks whether its clock was set. */
const LOOK_S = 1
/** What a check sets a clock ahead by; anything that no run would take. */
const CHECK_AHEAD_MS = 86_400_000

/**
 * Finds libfaketime: EVEGRAM_FAKETIME, the system's, or the package of Debian and Ubuntu, which is unpacked into the cache and not installed. Resolves with
 * `{environment(name), set(name, aheadMs)}`: the environment that gives a process the clock `name`, and what sets it. Rejects with why there is none.
 */
export async function shiftedClocks({ dir, cache, say, environment = process.env }) {
  if (process.platform !== 'linux') throw new Error('libfaketime is looked for on Linux alone')
  const library = environment['EVEGRAM_FAKETIME'] || installedLibrary() || await fetchLibrary(cache, say)
  if (!existsSync(library)) throw new Error(`there is no ${library} (EVEGRAM_FAKETIME)`)
  const folder = join(dir, 'clocks')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const set = (name, aheadMs) => {
    const file = join(folder, name)
    // A process may read it at any moment.
    writeFileSync(`${file}.part`, `${aheadMs < 0 ? '-' : '+'}${Math.abs(aheadMs) / 1000}\n`, { mode: 0o600 })
    renameSync(`${file}.part`, file)
  }
  const clocks = {
    set,
    environment: (name) => {
      set(name, 0)
      // Wall time alone: a machine whose clock is set wrong still measures intervals right.
      return { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: join(folder, name), FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_CACHE_DURATION: String(LOOK_S) }
    },
  }
  await check(clocks)
  return clocks
}

/** A library for another kind of system is ignored by the loader with a word that nobody reads: what counts is what a process sees. */
async function check(clocks) {
  const env = clocks.environment('check')
  clocks.set('check', CHECK_AHEAD_MS)
  const seen = Number(await runTool(process.execPath, ['-p', 'Date.now()'], { cwd: '/', env, timeoutMs: CHECK_MS_MAX }))
  if (!(Math.abs(seen - Date.now() - CHECK_AHEAD_MS) < CHECK_MS_MAX)) throw new Error(`${env.LD_PRELOAD} does not set the clock of Node`)
}

function installedLibrary() {
  const folders = ['/usr/lib', '/usr/lib64', ...readdirSync('/usr/lib').map((name) => join('/usr/lib', name))]
  return folders.map((folder) => join(folder, 'faketime', LIBRARY)).find((path) => existsSync(path))
}

async function fetchLibrary(cache, say) {
  if (findProgram('apt-get') === undefined || findProgram('dpkg-deb') === undefined) {
    throw new Error(`there is no ${LIBRARY} here: install the package ${PACKAGE} or name the library in EVEGRAM_FAKETIME`)
  }
  const folder = await cached(cache, entryName(PACKAGE, process.arch), async (aside) => {
    say(`fetching ${PACKAGE} by apt-get (once)`)
    await runTool('apt-get', ['-q', 'download', PACKAGE], { cwd: aside, timeoutMs: FETCH_MS_MAX })
    const [found] = readdirSync(aside).filter((name) => name.endsWith('.deb'))
    if (found === undefined) throw new Error(`apt-get gave no package ${PACKAGE}`)
    await runTool('dpkg-deb', ['-x', found, '.'], { cwd: aside, timeoutMs: FETCH_MS_MAX })
  }, say)
  const found = readdirSync(folder, { recursive: true }).map(String).find((path) => path.endsWith(`/${LIBRARY}`))
  if (found === undefined) throw new Error(`the package ${PACKAGE} holds no ${LIBRARY}`)
  return join(folder, found)
}
