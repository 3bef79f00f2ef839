// Whether a service answers what its clients will ask, not whether a process exists.
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { CASSANDRA_READY_MS, checkCassandra } from './cassandra.mjs'
import { CHAIN_READY_MS, CHAINS, checkChain } from './chains.mjs'
import { checkNats, NATS_READY_MS } from './nats.mjs'
import { checkPostgres, POSTGRES_READY_MS } from './postgres.mjs'
import { isRunning } from './process-identity.mjs'
import { checkRedis, checkSentinel, REDIS_READY_MS, SENTINEL_READY_MS } from './redis.mjs'
import { lastLines } from './run-tool.mjs'
import { checkS3, S3_READY_MS } from './s3.mjs'

const LOOK_MS = 300
const SAY_EVERY_MS = 10_000
const LOG_CHARS_READ = 200_000

/** Asks one process of `nodes`. Resolves when it is healthy; rejects with what is missing. */
export async function checkHealth(noted, nodes) {
  if (noted.container === undefined && !isRunning(noted)) throw new Error('not running')
  if (noted.kind === 'cassandra') await checkCassandra(noted.address, nodes)
  else if (noted.kind === 'nats') await checkNats(noted, nodes)
  else if (noted.kind === 'postgres') await checkPostgres(noted)
  else if (noted.kind === 's3') await checkS3(noted)
  else if (CHAINS.includes(noted.kind)) await checkChain(noted)
  else if (noted.kind === 'sentinel') await checkSentinel(noted)
  else await checkRedis(noted)
}

/** Waits until the process is healthy, within the time of its kind; rejects with the last lines of its log when it ends or takes too long. */
export async function waitUntilHealthy(noted, nodes, say) {
  const limitMs = { cassandra: CASSANDRA_READY_MS[nodes], nats: NATS_READY_MS, redis: REDIS_READY_MS, postgres: POSTGRES_READY_MS, s3: S3_READY_MS, sentinel: SENTINEL_READY_MS }[noted.kind] ?? CHAIN_READY_MS
  const startedAt = performance.now()
  const elapsed = () => Math.round((performance.now() - startedAt) / 1000)
  let saidAt = startedAt
  for (;;) {
    let reason
    try {
      await checkHealth(noted, nodes)
      say(`${noted.name} is up at ${noted.address}`)
      return
    } catch (error) {
      reason = error.message
    }
    if (noted.container === undefined && !isRunning(noted)) throw new Error(`${noted.name} ended while it started; its log ends with\n${logEnd(noted.log)}`)
    if (performance.now() - startedAt > limitMs) {
      throw new Error(`${noted.name} is not ready after ${limitMs / 1000} s (${reason}); its log ends with\n${logEnd(noted.log)}`)
    }
    if (performance.now() - saidAt > SAY_EVERY_MS) {
      saidAt = performance.now()
      say(`waiting for ${noted.name} (${elapsed()} s of at most ${limitMs / 1000}): ${reason}`)
    }
    await delay(LOOK_MS)
  }
}

function logEnd(log) {
  if (log === undefined) return '(see docker compose logs)'
  try {
    return `${lastLines(readFileSync(log, 'utf8').slice(-LOG_CHARS_READ))}\n(all of it: ${log})`
  } catch {
    return `(no log at ${log})`
  }
}
