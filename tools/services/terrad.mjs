// A real node of Terra: release 0.5.20 by Go, from the module proxy alone, or the program that TERRAD_BIN names.
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../prepare.mjs'
import { cached, entryName, isWhole } from './cache.mjs'
import { findProgram } from './preflight.mjs'
import { runTool } from './run-tool.mjs'
import { isAtLeast, parseVersion } from './versions.mjs'

/** The release that is built. */
export const TERRAD_VERSION = '0.5.20'

/** Older linkers know no -checklinkname, without which this old code does not link by a new one. */
const GO_MIN = [1, 23]
/** Two and a half minutes of CPU; twenty were measured on two cores with many others at work. */
const BUILD_MS_MAX = 2_400_000
const ASK_MS_MAX = 30_000
const PACKAGE = 'github.com/terra-money/core/cmd/terrad'
/** The virtual machine of contracts, which the node loads when it starts. */
const VM_MODULE = 'github.com/CosmWasm/wasmvm'
const VM_FILE = 'libwasmvm.so'
const VERSION_OF = 'github.com/cosmos/cosmos-sdk/version'
const LINKED = [
  '-s', '-w', '-checklinkname=0', `-X ${VERSION_OF}.Name=terra`, `-X ${VERSION_OF}.AppName=terrad`, `-X ${VERSION_OF}.Version=${TERRAD_VERSION}`,
  // The virtual machine lies beside the program, also when Go's own cache is gone.
  "-extldflags '-Wl,-rpath,$ORIGIN'",
].join(' ')
const MODULE_FILES = ['go.mod', 'go.sum'].map((name) => [name, join(root, 'tools', 'terrad', name)])

const run = promisify(execFile)
const entry = () => entryName(`terrad-${TERRAD_VERSION}`, ...MODULE_FILES.map(([, path]) => readFileSync(path, 'utf8')), LINKED, process.platform, process.arch)
const programIn = (folder) => join(folder, 'terrad')

/** The node that would be started, without making one: `{path, from}`, `from` being TERRAD_BIN or the cache; undefined when there is none. Rejects when TERRAD_BIN names no program. */
export function findTerrad(cache, environment = process.env) {
  const named = environment['TERRAD_BIN']
  if (named !== undefined && named !== '') {
    const path = findProgram(named, environment)
    if (path === undefined) throw new Error(`TERRAD_BIN is ${named}, which is not a program`)
    return { path: resolve(path), from: 'TERRAD_BIN' }
  }
  return isWhole(cache, entry()) ? { path: programIn(join(cache, entry())), from: 'the cache' } : undefined
}

/** The node: the one of TERRAD_BIN, else the one in the cache, built when it is not there. Resolves as {@link findTerrad} answers; rejects with what is missing for a build. */
export async function provideTerrad(cache, say, abort, environment = process.env) {
  return findTerrad(cache, environment) ?? { path: await buildTerrad(cache, say, abort, environment), from: 'the cache' }
}

/** What stands in the place of tests that need a node where there is none: not to be overlooked. */
export const NO_TERRAD = 'NOT RUN on a real node of Terra: there is none (npm run terra:node builds one and runs this)'

/** The release that a program says it is; rejects when it is no terrad. */
export async function terradVersion(path) {
  const { stdout, stderr } = await run(path, ['version'], { timeout: ASK_MS_MAX })
  // Old ones say it on standard error.
  return (stdout.trim() || stderr.trim()).split('\n').at(-1)
}

/** Builds release 0.5.20 into the cache and resolves with its path; at once when it is there. */
export async function buildTerrad(cache, say, abort, environment = process.env) {
  mkdirSync(cache, { recursive: true })
  const folder = await cached(cache, entry(), async (aside) => {
    const go = await requireTools(environment)
    const source = join(aside, 'module')
    mkdirSync(source)
    for (const [name, path] of MODULE_FILES) copyFileSync(path, join(source, name))
    say(`building terrad ${TERRAD_VERSION} by Go from its module proxy (two and a half minutes of CPU and 700 MB of memory, once)`)
    // What go.sum names is all that is taken; nothing of it is looked up anew.
    const options = { cwd: source, timeoutMs: BUILD_MS_MAX, abort, env: { GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off', GOOS: '', GOARCH: '', CGO_ENABLED: '1' } }
    await runTool(go, ['build', '-ldflags', LINKED, '-o', programIn(aside), PACKAGE], { ...options, say: (elapsed) => say(`still building terrad (${elapsed} s)`) })
    const vmFolder = (await runTool(go, ['list', '-m', '-f', '{{.Dir}}', VM_MODULE], options)).trim().split('\n').at(-1)
    // Files of Go's cache may not be written.
    writeFileSync(join(aside, VM_FILE), readFileSync(join(vmFolder, 'api', VM_FILE)))
    chmodSync(programIn(aside), 0o755)
    rmSync(source, { recursive: true })
    const version = await terradVersion(programIn(aside))
    if (version !== TERRAD_VERSION) throw new Error(`what was built says that it is ${version}`)
    say(`built terrad ${version}`)
  }, say)
  return programIn(folder)
}

/** The path of Go; rejects with all that this machine lacks for a build. */
async function requireTools(environment) {
  const lacking = []
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    lacking.push(`Linux on x64: this is ${process.platform} on ${process.arch}, for which ${VM_MODULE} of that release has no library`)
  }
  const go = findProgram('go', environment)
  const found = go === undefined ? undefined : parseVersion('go', (await run(go, ['version'], { timeout: ASK_MS_MAX, env: environment })).stdout)
  if (go === undefined) lacking.push(`Go ${GO_MIN.join('.')} or newer: no go in PATH (https://go.dev/doc/install)`)
  else if (found === undefined || !isAtLeast(found, GO_MIN)) lacking.push(`Go ${GO_MIN.join('.')} or newer: ${go} is ${found?.join('.') ?? 'of a version that it does not say'} (https://go.dev/doc/install)`)
  const compiler = environment['CC'] ?? 'gcc'
  if (findProgram(compiler.split(' ')[0], environment) === undefined) lacking.push(`a C compiler: no ${compiler} in PATH (apt-get install -y gcc libc6-dev)`)
  if (lacking.length === 0) return go
  throw new Error(`terrad ${TERRAD_VERSION} cannot be built here; TERRAD_BIN may name a node instead. Missing:\n${lacking.map((line) => `  ${line}`).join('\n')}`)
}
