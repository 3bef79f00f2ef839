// The same services in containers, where Docker answers. compose.yaml at the root says what they are; this says how many, and on which ports.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { postgresUrl } from './postgres.mjs'
import { findProgram } from './preflight.mjs'
import { runTool } from './run-tool.mjs'
import { isAtLeast, parseVersion } from './versions.mjs'

const ASK_MS_MAX = 10_000
const UP_MS_MAX = 900_000
const DOWN_MS_MAX = 120_000
/** The oldest Compose that `up --wait` and the merged environments of compose.yaml are expected to work with. */
const COMPOSE_MIN = [2, 20]

/** Whether a Docker daemon answers here and has a Compose that is new enough. */
export async function hasDocker() {
  const docker = findProgram('docker')
  if (docker === undefined || !(await succeeds(docker, ['info']))) return false
  const version = parseVersion('docker', await output(docker, ['compose', 'version']))
  return version !== undefined && isAtLeast(version, COMPOSE_MIN)
}

/** The name of the containers of a data folder: another clone has others. */
export function projectName(dir) {
  return `evegram-${createHash('sha256').update(dir).digest('hex').slice(0, 10)}`
}

/** The variables that compose.yaml reads for these ports. */
export function composeEnvironment({ nodes, layout, settings }) {
  const environment = {
    EVEGRAM_COMPOSE_CASSANDRA_PORT: layout.cassandra.native,
    EVEGRAM_COMPOSE_CASSANDRA_SEEDS: Array.from({ length: nodes }, (_, index) => `cassandra-${index + 1}`).join(','),
    EVEGRAM_COMPOSE_COMMITLOG_SYNC: settings.commitlogSync,
    EVEGRAM_COMPOSE_NATS_SYNC: settings.natsSync,
    EVEGRAM_COMPOSE_REDIS_APPENDONLY: settings.redisSync === 'off' ? 'no' : 'yes',
    EVEGRAM_COMPOSE_REDIS_FSYNC: settings.redisSync === 'off' ? 'everysec' : settings.redisSync,
    EVEGRAM_COMPOSE_NATS_CLUSTER: nodes === 1 ? 'off' : 'on',
    EVEGRAM_COMPOSE_POSTGRES_PORT: layout.postgres.port,
    EVEGRAM_COMPOSE_POSTGRES_PASSWORD: layout.postgres.password,
    EVEGRAM_COMPOSE_S3_PORT: layout.s3.port,
    EVEGRAM_COMPOSE_S3_ACCESS_KEY: layout.s3.keys.access,
    EVEGRAM_COMPOSE_S3_SECRET_KEY: layout.s3.keys.secret,
  }
  layout.nats.forEach(({ client, monitor }, index) => {
    environment[`EVEGRAM_COMPOSE_NATS_PORT_${index + 1}`] = client
    environment[`EVEGRAM_COMPOSE_NATS_MONITOR_${index + 1}`] = monitor
  })
  layout.redis.forEach((port, index) => { environment[`EVEGRAM_COMPOSE_REDIS_PORT_${index + 1}`] = port })
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]))
}

/** What runs in containers, in the words of the state file. */
export function planDocker({ root, dir, nodes, kinds, layout, settings }) {
  const project = projectName(dir)
  const env = composeEnvironment({ nodes, layout, settings })
  const start = (service) => ({ command: 'docker', args: [...composeArgs(root, project, nodes), 'start', service], env, cwd: root })
  const postgres = `127.0.0.1:${layout.postgres.port}`
  const noted = (name, kind, address, more = {}) => ({ name, kind, address, ...more, container: `${project}-${name}-1`, start: start(name) })
  return [
    ...layout.nats.map((_, index) => noted(`cassandra-${index + 1}`, 'cassandra', `127.0.0.${index + 1}:${layout.cassandra.native}`)),
    ...layout.nats.map(({ client, monitor }, index) => noted(`nats-${index + 1}`, 'nats', `127.0.0.1:${client}`, { monitor: `127.0.0.1:${monitor}` })),
    ...layout.redis.map((port, index) => noted(`redis-${index + 1}`, 'redis', `127.0.0.1:${port}`)),
    noted('postgres', 'postgres', postgres, { url: postgresUrl({ address: postgres, password: layout.postgres.password }) }),
    noted('s3', 's3', `127.0.0.1:${layout.s3.port}`, { keys: layout.s3.keys }),
  ].filter(({ kind }) => kinds.includes(kind))
}

/** Starts the planned containers and waits until Docker calls them healthy. */
export async function composeUp({ root, dir, nodes, plan }, say, abort) {
  say('starting containers with Docker Compose (it fetches images the first time)')
  await runTool('docker', [...composeArgs(root, projectName(dir), nodes), 'up', '--detach', '--wait', ...plan.map(({ name }) => name)], {
    cwd: root, env: plan[0].start.env, timeoutMs: UP_MS_MAX, abort, say: (elapsed) => say(`still starting containers (${elapsed} s)`),
  })
}

/** Ends the containers of a state; with `purge` their volumes as well. */
export async function composeDown({ root, dir, nodes, environment, purge }) {
  await runTool('docker', [...composeArgs(root, projectName(dir), nodes), 'down', '--timeout', '20', ...(purge ? ['--volumes'] : [])], {
    cwd: root, env: environment, timeoutMs: DOWN_MS_MAX,
  })
}

/** Kills or pauses one container: SIGKILL, SIGSTOP, SIGCONT. */
export async function signalContainer(container, name) {
  await runTool('docker', ['kill', '--signal', name, container], { cwd: '/', timeoutMs: ASK_MS_MAX })
}

function composeArgs(root, project, nodes) {
  return ['compose', '-f', join(root, 'compose.yaml'), '-p', project, ...(nodes === 1 ? [] : ['--profile', 'ring'])]
}

function succeeds(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: ASK_MS_MAX }, (error) => resolve(error === null))
  })
}

function output(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: ASK_MS_MAX }, (_error, stdout) => resolve(stdout))
  })
}
