// ejabberd as the Debian packages have it, unpacked beside the system: nothing is installed, and no service is started.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir, cached, entryName } from '../../tools/services/cache.mjs'
import { findProgram } from '../../tools/services/preflight.mjs'
import { runTool } from '../../tools/services/run-tool.mjs'

const PACKAGES = ['ejabberd']
const FETCH_MS_MAX = 600_000
const UNPACK_MS_MAX = 120_000
const ADVICE = 'install ejabberd and set EJABBERD_HOME=/, or set it to a folder in which its packages are unpacked'

/** The folder with ejabberd in it: the one in the cache, made now when it is not there. */
export async function ejabberdHome(say) {
  if (process.platform !== 'linux' || findProgram('apt-get') === undefined || findProgram('dpkg-deb') === undefined) {
    throw new Error(`ejabberd is fetched by apt-get, which is not here: ${ADVICE}`)
  }
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  return cached(cacheDir(), entryName('ejabberd', release, process.arch, PACKAGES.join(' ')), (aside) => fetchInto(aside, say), say)
}

/** Where Erlang is in `home`: its root, its programs, and the folders with libraries beside it. */
export function erlangOf(home) {
  const root = join(home, 'usr/lib/erlang')
  const erts = existsSync(root) ? readdirSync(root).find((name) => name.startsWith('erts-')) : undefined
  if (erts === undefined) throw new Error(`there is no Erlang in ${root}: ${ADVICE}`)
  const libs = readdirSync(join(home, 'usr/lib')).filter((name) => name.endsWith('-linux-gnu')).map((name) => join(home, 'usr/lib', name))
  return { root, bin: join(root, erts, 'bin'), libs }
}

async function fetchInto(folder, say) {
  const archives = join(folder, 'archives')
  mkdirSync(join(archives, 'partial'), { recursive: true })
  const options = (what, timeoutMs) => ({ cwd: folder, timeoutMs, env: { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }, say: (seconds) => say(`still ${what} (${seconds} s)`) })
  say('fetching ejabberd by apt-get (35 MB, once); nothing is installed')
  // What the system lacks of all that they need. It changes nothing there, so it needs no lock.
  const fetch = ['-q', 'install', '-y', '--no-install-recommends', '--download-only', '-o', 'Debug::NoLocking=1', '-o', `Dir::Cache::archives=${archives}`, ...PACKAGES]
  try {
    await runTool('apt-get', fetch, options('fetching ejabberd', FETCH_MS_MAX))
  } catch (error) {
    if (process.getuid?.() !== 0) throw new Error(`${error.message}\napt-get could not fetch ejabberd; lists that are old are renewed by "sudo apt-get update". Or ${ADVICE}`, { cause: error })
    await runTool('apt-get', ['-q', 'update'], options('renewing the lists of packages', FETCH_MS_MAX))
    await runTool('apt-get', fetch, options('fetching ejabberd', FETCH_MS_MAX))
  }
  const unpacked = join(folder, 'unpacked')
  for (const archive of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
    await runTool('dpkg-deb', ['-x', join(archives, archive), unpacked], options(`unpacking ${archive}`, UNPACK_MS_MAX))
  }
  if (!existsSync(join(unpacked, 'usr/lib/erlang'))) throw new Error(`apt-get fetched no Erlang, so it is installed here: set EJABBERD_HOME=/`)
  mkdirSync(join(folder, 'usr'))
  renameSync(join(unpacked, 'usr/lib'), join(folder, 'usr/lib'))
  for (const left of [archives, unpacked]) rmSync(left, { recursive: true, force: true })
  dropLinks(join(folder, 'usr/lib'))
}

/** Links to folders, and to what was not kept, are second names: an entry of the cache has files alone. */
function dropLinks(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) dropLinks(path)
    else if (entry.isSymbolicLink() && statSync(path, { throwIfNoEntry: false })?.isFile() !== true) rmSync(path)
  }
}
