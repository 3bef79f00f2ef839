// Everything that is missing on this machine, said at once and before anything is started.
import { execFile } from 'node:child_process'
import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { hasCassandraJars } from './cassandra.mjs'
import { isFree } from './free-port.mjs'
import { hasNatsServer } from './nats.mjs'
import { DROP_ROOT, hasPostgres, isPostgresOffered } from './postgres.mjs'
import { hasS3Server } from './s3.mjs'
import { isAtLeast, parseVersion } from './versions.mjs'

/** Cassandra 5.0 is made for Java 11 and 17, and refuses newer ones. */
const JAVA_MAJOR = 17
const MAVEN_MIN = [3, 6]
/** From here on Go fetches by itself the toolchain that a module asks for. */
const GO_MIN = [1, 21]
const REDIS_MIN = [6, 2]
/** The oldest PostgreSQL that the ledger's SQL is written for. */
const POSTGRES_MIN = [15]
const ASK_MS_MAX = 30_000
const JVM_FOLDERS = ['/usr/lib/jvm', '/Library/Java/JavaVirtualMachines']

/** What is no service, by the name that --only takes: who needs it brings it. */
export const LATER = { chromium: 'Chromium (tests of the web client)' }

/**
 * Looks for everything that running `kinds` natively needs. Resolves with `{findings, tools}`: a finding is `{name, state, detail, install?}` with the
 * state 'found', 'missing', 'unneeded' or 'later'; tools are the paths that were found.
 */
export async function preflight({ kinds, nodes, cache, environment = process.env, asked = [] }) {
  const findings = []
  const tools = {}
  const wants = (kind) => kinds.includes(kind)
  if (wants('cassandra')) {
    const hasJars = hasCassandraJars(cache)
    const java = await findJava(environment)
    if (java.path === undefined) findings.push(missing('Java 17', java.detail, INSTALL.java))
    else {
      Object.assign(tools, { java: java.path, javaHome: java.home })
      findings.push(found('Java 17', `${java.version} at ${java.path}`))
    }
    if (hasJars) findings.push(unneeded('Maven', 'Cassandra is in the cache'))
    else await look({ findings, tools, key: 'mvn', name: 'Maven 3.6', tool: 'maven', program: 'mvn', args: ['-v'], minimum: MAVEN_MIN, install: INSTALL.maven, environment })
    for (const host of loopbackHosts(nodes).slice(1)) {
      if (!(await isFree(0, host))) findings.push(missing(`address ${host}`, 'this machine has no such loopback address', `sudo ifconfig lo0 alias ${host} up`))
    }
  }
  const built = [...(wants('nats') ? [['nats-server', hasNatsServer(cache)]] : []), ...(wants('s3') ? [['versitygw', hasS3Server(cache)]] : [])]
  if (built.length > 0) {
    if (built.every(([, isThere]) => isThere)) findings.push(unneeded('Go', `${built.map(([name]) => name).join(' and ')} ${built.length === 1 ? 'is' : 'are'} in the cache`))
    else await look({ findings, tools, key: 'go', name: 'Go 1.21', tool: 'go', program: 'go', args: ['version'], minimum: GO_MIN, install: INSTALL.go, environment })
  }
  if (wants('redis')) {
    const program = environment['EVEGRAM_REDIS_SERVER'] || 'redis-server'
    await look({ findings, tools, key: 'redis', name: 'Redis 6.2', tool: 'redis', program, args: ['--version'], minimum: REDIS_MIN, install: INSTALL.redis, environment })
  }
  if (wants('postgres')) await lookForPostgres({ findings, tools, cache, environment })
  for (const [kind, what] of Object.entries(LATER)) {
    if (asked.includes(kind)) findings.push(missing(what, 'it is no service: the tests of the page find or install it (node tools/chromium.mjs)', `leave ${kind} out of --only`))
    else findings.push({ name: what, state: 'later', detail: 'no service: the tests of the page find or install it' })
  }
  return { findings, tools }
}

/** The addresses of Cassandra's nodes: a ring needs the same port on each. */
export function loopbackHosts(nodes) {
  return Array.from({ length: nodes }, (_, index) => `127.0.0.${index + 1}`)
}

/** The findings as lines for people. */
export function findingLines(findings) {
  const MARK = { found: 'ok     ', missing: 'MISSING', unneeded: '-      ', later: '-      ' }
  return findings.map(({ name, state, detail, install }) =>
    `${MARK[state]} ${name}: ${detail}${install === undefined ? '' : `\n          install: ${install}`}`)
}

/** The path of a program: itself when it is one, else from PATH; undefined when there is none. */
export function findProgram(program, environment = process.env) {
  const candidates = /[/\\]/.test(program) ? [program] : (environment['PATH'] ?? '').split(delimiter).filter(Boolean).map((folder) => join(folder, program))
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })
}

const isMac = process.platform === 'darwin'
const hasApt = findProgram('apt-get') !== undefined
const byPlatform = (apt, brew, otherwise) => (isMac ? brew : hasApt ? `${process.getuid?.() === 0 ? '' : 'sudo '}apt-get install -y ${apt}` : otherwise)
const INSTALL = {
  java: byPlatform('openjdk-17-jre-headless', 'brew install openjdk@17', 'https://adoptium.net/temurin/releases/?version=17, then set JAVA_HOME'),
  maven: byPlatform('maven', 'brew install maven', 'https://maven.apache.org/install.html'),
  // Distributions' own Go is often older than 1.21.
  go: isMac ? 'brew install go' : 'https://go.dev/doc/install (or a distribution package of Go 1.21 or newer)',
  redis: `${byPlatform('redis-server', 'brew install redis', 'https://redis.io/docs/latest/operate/oss_and_stack/install/')}, or set EVEGRAM_REDIS_SERVER to its path`,
  postgres: `${byPlatform('postgresql', 'brew install postgresql', 'https://www.postgresql.org/download/')}, then set EVEGRAM_POSTGRES_BIN to the folder of its initdb and postgres`,
  npm: 'https://nodejs.org (npm comes with Node)',
  setpriv: `${byPlatform('util-linux', 'brew install util-linux', 'the package util-linux')}, or run this as somebody who is not root`,
}

const found = (name, detail) => ({ name, state: 'found', detail })
const unneeded = (name, detail) => ({ name, state: 'unneeded', detail })
const missing = (name, detail, install) => ({ name, state: 'missing', detail, install })

async function look({ findings, tools, key, name, tool, program, args, minimum, install, environment }) {
  const path = findProgram(program, environment)
  const version = path === undefined ? undefined : parseVersion(tool, await versionText(path, args, environment))
  if (path === undefined) findings.push(missing(`${name} or newer`, /[/\\]/.test(program) ? `${program} is not a program` : `no ${program} in PATH`, install))
  else if (version === undefined) findings.push(missing(`${name} or newer`, `${path} does not say its version`, install))
  else if (!isAtLeast(version, minimum)) findings.push(missing(`${name} or newer`, `${path} is ${version.join('.')}`, install))
  else {
    tools[key] = path
    findings.push(found(name, `${version.join('.')} at ${path}`))
  }
}

/** PostgreSQL: where the environment says, else by npm; and, for root, the program that makes another user run it. */
async function lookForPostgres({ findings, tools, cache, environment }) {
  const named = environment['EVEGRAM_POSTGRES_BIN']
  if (named !== undefined && named !== '') {
    const server = join(named, 'postgres')
    if (findProgram(join(named, 'initdb'), environment) === undefined) findings.push(missing('PostgreSQL 15 or newer', `no program initdb in ${named}`, INSTALL.postgres))
    else await look({ findings, tools, key: 'postgres', name: 'PostgreSQL 15', tool: 'postgres', program: server, args: ['--version'], minimum: POSTGRES_MIN, install: INSTALL.postgres, environment })
    if (tools.postgres !== undefined) tools.postgresBin = named
  } else if (!isPostgresOffered()) {
    findings.push(missing('PostgreSQL 15 or newer', `npm has none for ${process.platform} ${process.arch} with this C library`, INSTALL.postgres))
  } else if (hasPostgres(cache)) findings.push(unneeded('npm', 'PostgreSQL is in the cache'))
  else {
    const npm = findProgram('npm', environment)
    if (npm === undefined) findings.push(missing('npm', 'no npm in PATH', `${INSTALL.npm}; or ${INSTALL.postgres}`))
    else {
      tools.npm = npm
      findings.push(found('npm', `${npm} (fetches PostgreSQL)`))
    }
  }
  if (process.getuid?.() !== 0) return
  const setpriv = findProgram('setpriv', environment)
  const why = setpriv === undefined ? 'no setpriv in PATH' : await refusal(setpriv, [...DROP_ROOT, 'true'], environment)
  if (why !== undefined) findings.push(missing('setpriv', `${why}; PostgreSQL does not run as root`, INSTALL.setpriv))
  else tools.setpriv = setpriv
}

/** Why a program did not run well: its last line; undefined when it did. */
function refusal(path, args, environment) {
  return new Promise((resolve) => {
    execFile(path, args, { timeout: ASK_MS_MAX, env: environment }, (error, _stdout, stderr) => {
      resolve(error === null ? undefined : stderr.trim().split('\n').at(-1) || error.message)
    })
  })
}

/** The first Java 17 among JAVA_HOME, PATH and where systems keep several. */
async function findJava(environment) {
  const homes = JVM_FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(folder).map((name) => join(folder, name, ...(isMac ? ['Contents', 'Home'] : [])))
    } catch {
      return []
    }
  }).filter((home) => home.includes('17'))
  const named = environment['JAVA_HOME']
  const candidates = [
    ...(named === undefined || named === '' ? [] : [findProgram(join(named, 'bin', 'java'))]), findProgram('java', environment),
    ...homes.map((home) => findProgram(join(home, 'bin', 'java'))),
  ].filter((path) => path !== undefined)
  const others = []
  for (const path of candidates) {
    const version = parseVersion('java', await versionText(path, ['-version'], environment))
    if (version?.[0] === JAVA_MAJOR) return { path, version: version.join('.'), home: homeOf(path) }
    if (version !== undefined) others.push(`${path} is ${version.join('.')}`)
  }
  return { detail: others.length === 0 ? 'no java in PATH or JAVA_HOME' : `${others.join(', ')}; Cassandra 5.0 runs on Java 17` }
}

/** JAVA_HOME for Maven, where the path tells it. */
function homeOf(java) {
  const home = java.replace(/[/\\]bin[/\\]java$/, '')
  return home === java || home === '/usr' ? undefined : home
}

/** What a program prints about itself; empty when it cannot be run. */
function versionText(path, args, environment) {
  return new Promise((resolve) => {
    execFile(path, args, { timeout: ASK_MS_MAX, env: environment }, (_error, stdout, stderr) => resolve(`${stdout}\n${stderr}`))
  })
}
