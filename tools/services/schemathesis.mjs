// schemathesis, which makes requests up from an API description: a program in Python, fetched by pip at pinned versions into the cache.
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir, cached, entryName } from './cache.mjs'
import { findProgram } from './preflight.mjs'
import { runTool } from './run-tool.mjs'

const REQUIREMENTS = new URL('schemathesis-requirements.txt', import.meta.url)
/** The pinned versions are for this one and newer ones. */
const PYTHON_MIN = [3, 11]
const ASK_MS_MAX = 30_000
/** 40 MB to fetch. */
const FETCH_MS_MAX = 600_000
const INSTALL_MS_MAX = 300_000
/** Prints `3.11.7 linux-x86_64 pip`, the last word only where pip is there. */
const ASK = 'import sys, sysconfig, importlib.util as u; print(".".join(map(str, sys.version_info[:3])), sysconfig.get_platform(), "pip" if u.find_spec("pip") else "")'

/**
 * What runs schemathesis: `{command, args, env}`, to which the caller adds arguments. Where nobody has to be asked (root on Debian) a missing Python is installed;
 * otherwise this rejects with what is missing and how to get it: without it nothing is checked, so nothing may seem to be.
 */
export async function provideSchemathesis(say, abort, environment = process.env) {
  const python = await findPython(environment) ?? await installPython(say, abort, environment)
  const requirements = readFileSync(REQUIREMENTS, 'utf8')
  const folder = await cached(cacheDir(environment), entryName('schemathesis', requirements, 'no authorities', python.version, python.platform), async (aside) => {
    say('fetching schemathesis by pip (90 MB on the disk, once)')
    await runTool(python.path, [
      '-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--no-warn-conflicts', '--only-binary', ':all:', '--no-deps', '--target', join(aside, 'site'), '-r', REQUIREMENTS.pathname,
    ], { cwd: aside, timeoutMs: FETCH_MS_MAX, abort, say: (elapsed) => say(`still fetching schemathesis (${elapsed} s)`) })
    // It talks to loopback alone. Some machines put authorities of their own into every such file, and the entry would not be whole for that.
    rmSync(join(aside, 'site', 'certifi', 'cacert.pem'))
  }, say)
  // Nothing is written into the cache, and no package of this machine is used instead of those that are pinned.
  return { command: python.path, args: ['-s', '-m', 'schemathesis.cli'], env: { PYTHONPATH: join(folder, 'site'), PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' } }
}

/** A Python that is new enough and has pip: EVEGRAM_PYTHON, else python3 of PATH; undefined when there is none. */
async function findPython(environment) {
  const path = findProgram(environment['EVEGRAM_PYTHON'] || 'python3', environment)
  if (path === undefined) return undefined
  const [version = '', platform = '', pip] = (await printed(path, ['-c', ASK], environment)).trim().split(' ')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isNew = major > PYTHON_MIN[0] || (major === PYTHON_MIN[0] && minor >= PYTHON_MIN[1])
  return isNew && pip === 'pip' ? { path, version, platform } : undefined
}

async function installPython(say, abort, environment) {
  const canInstall = process.platform === 'linux' && process.getuid?.() === 0 && findProgram('apt-get', environment) !== undefined && !environment['EVEGRAM_PYTHON']
  if (canInstall) {
    say('installing Python and pip by apt-get (once)')
    const options = { cwd: '/', timeoutMs: INSTALL_MS_MAX, abort, env: { DEBIAN_FRONTEND: 'noninteractive' }, say: (elapsed) => say(`still installing Python (${elapsed} s)`) }
    await runTool('apt-get', ['-q', 'update'], options)
    await runTool('apt-get', ['-q', 'install', '-y', '--no-install-recommends', 'python3', 'python3-pip'], options)
  }
  const python = canInstall ? await findPython(environment) : undefined
  if (python !== undefined) return python
  throw new Error(`Python ${PYTHON_MIN.join('.')} or newer with pip is MISSING, and the API was NOT checked.\n`
    + `  install: ${process.platform === 'darwin' ? 'brew install python' : 'sudo apt-get install -y python3 python3-pip'}, or set EVEGRAM_PYTHON to the path of one`)
}

/** What a program prints; empty when it cannot be run. */
function printed(path, args, environment) {
  return new Promise((resolve) => {
    execFile(path, args, { timeout: ASK_MS_MAX, env: environment }, (_error, stdout) => resolve(stdout))
  })
}
