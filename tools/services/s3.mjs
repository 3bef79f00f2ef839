// A server that speaks S3: versitygw by Go, always this version, with its objects in a folder.
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { root } from '../prepare.mjs'
import { cached, entryName, isWhole } from './cache.mjs'
import { runTool } from './run-tool.mjs'

/** The version that is built. */
export const S3_VERSION = '1.8.0'
/** Time to become ready. */
export const S3_READY_MS = 60_000
/** The bucket that is there from the start. */
export const S3_BUCKET = 'evegram'
/** Its answer is the same wherever it runs. */
export const S3_REGION = 'us-east-1'

/** Some minutes of CPU; ten were measured on two cores with many others at work. */
const BUILD_MS_MAX = 1_400_000
const PROBE_MS = 3_000
const PACKAGE = 'github.com/versity/versitygw/cmd/versitygw'
const BINARY = process.platform === 'win32' ? 'versitygw.exe' : 'versitygw'
const LINKED = ['-s', '-w', `-X main.Version=v${S3_VERSION}`].join(' ')
const MODULE_FILES = ['go.mod', 'go.sum'].map((name) => [name, join(root, 'tools', 'versitygw', name)])
const HEALTH_PATH = '/health'

const entry = () => entryName(`versitygw-${S3_VERSION}`, ...MODULE_FILES.map(([, path]) => readFileSync(path, 'utf8')), LINKED, process.platform, process.arch)

/** Whether the server is in the cache, so that Go is not needed. */
export function hasS3Server(cache) {
  return isWhole(cache, entry())
}

/** The path of the server, built when it is not in the cache. */
export async function buildS3Server(cache, { go }, say, abort) {
  const folder = await cached(cache, entry(), async (aside) => {
    const source = join(aside, 'module')
    mkdirSync(source)
    for (const [name, path] of MODULE_FILES) copyFileSync(path, join(source, name))
    say(`building versitygw ${S3_VERSION} by Go (a server of S3; some minutes of CPU, once)`)
    // What go.sum names is all that is taken; nothing of it is looked up anew.
    await runTool(go, ['build', '-ldflags', LINKED, '-o', join(aside, BINARY), PACKAGE], {
      cwd: source, timeoutMs: BUILD_MS_MAX, abort, env: { GOFLAGS: '-mod=readonly -buildvcs=false', GOWORK: 'off', GOOS: '', GOARCH: '', CGO_ENABLED: '0' },
      say: (elapsed) => say(`still building versitygw (${elapsed} s)`),
    })
    rmSync(source, { recursive: true })
  }, say)
  return join(folder, BINARY)
}

/** The process of the server at `port`, for whoever has `keys` (`{access, secret}`). A folder beside the objects holds what is said of them: no file system has to know attributes. */
export function planS3({ port, keys, dir, server }) {
  const home = join(dir, 's3')
  return [{
    name: 's3', kind: 's3', address: `127.0.0.1:${port}`, keys, folders: [join(home, 'data', S3_BUCKET), join(home, 'facts')], files: [],
    start: {
      command: server, args: ['--port', `127.0.0.1:${port}`, '--region', S3_REGION, '--health', HEALTH_PATH, '--keep-alive', '--quiet', 'posix', '--sidecar', join(home, 'facts'), join(home, 'data')],
      env: { ROOT_ACCESS_KEY: keys.access, ROOT_SECRET_KEY: keys.secret }, cwd: home,
    },
    log: join(home, 'output.log'),
  }]
}

/** Where programs find the server, and what they sign with. */
export function s3Settings({ address, keys }) {
  return { EVEGRAM_S3_URL: `http://${address}/${S3_BUCKET}`, EVEGRAM_S3_REGION: S3_REGION, EVEGRAM_S3_ACCESS_KEY: keys.access, EVEGRAM_S3_SECRET_KEY: keys.secret }
}

/** Resolves when the server answers; rejects with what is wrong. */
export function checkS3({ address }) {
  const [host, port] = address.split(':')
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path: HEALTH_PATH, agent: false }, (response) => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`answered ${response.statusCode} to ${HEALTH_PATH}`))
      })
    })
    asked.setTimeout(PROBE_MS, () => asked.destroy(new Error(`no answer within ${PROBE_MS} ms`)))
    asked.on('error', reject)
    asked.end()
  })
}
