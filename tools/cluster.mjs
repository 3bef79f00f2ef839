#!/usr/bin/env node
// `npm run cluster`: install, build, then run a whole cluster on this machine until this process ends.
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { carryOut } from './cluster/orders.mjs'
import { AUTHS_DEFAULT } from './cluster/plan.mjs'
import { RIGS } from './cluster/rig.mjs'
import { startCluster } from './cluster/start-cluster.mjs'
import { OPERATOR_TOKEN_FILE } from './cluster/wally.mjs'
import { whenLauncherEnds } from './launcher.mjs'
import { build, install, requireNode, root } from './prepare.mjs'
import { withFileLock } from './services/file-lock.mjs'
import { interruptSignal } from './services/interrupt.mjs'
import { startProgress } from './services/progress.mjs'

const USAGE = `npm run cluster -- [options]

A whole cluster on loopback: Cassandra, NATS and Redis (npm run services), auth processes behind one address, and engines that share one port.
It ends with Ctrl-C; data stays for the next start. What ends by itself is started again after a second.

  --nodes 1|3              nodes of each service (default 3)
  --engines <n>            engine processes (default: as many as nodes), at most 16
  --auths <n>              auth processes (default ${AUTHS_DEFAULT}), at most 16
  --wally                  a wallet bridge too, with a ledger in PostgreSQL and a local Solana as its chain of play money, which is gone when the services end
  --files                  files too: two processes that share a bucket of S3 (versitygw, which Go builds the first time in some minutes)
  --rig <list>             for fault runs, some of ${RIGS.join(',')}: a Cassandra node behind a cable that can be pulled, one with a small disk for its
                           commit log, engines with clocks of their own. What this machine does not allow is named in the line of --json
  --http-port <port>       sign-in and API (default EVEGRAM_HTTP_PORT or 8080; 0: a free one)
  --ws-port <port>         messages (default EVEGRAM_WS_PORT or 8081; 0: a free one)
  --dir <folder>           keys and logs (default .evegram-cluster)
  --services-dir <folder>  data of the services (default .services; with --dir: services in there). Services that run there are used and left running
  --json                   one line of JSON when it is ready; progress goes to standard error
SIGUSR2 replaces all engines as a deploy would. Forked by another Node process, it takes orders over IPC: see tools/cluster/orders.mjs.
Exit codes: 0 stopped, 1 failed, 2 wrong usage.`

const EXIT_USAGE = 2
/** Processes that keep files: one may die or restart while the other answers. */
const BLOBS = 2
const PROCESSES_MAX = 16
const PORT_MAX = 65_535
/** Nobody else runs a cluster in the same folder: a wait would only hide that. */
const LOCK_MS_MAX = 2_000

requireNode()
const options = readOptions()
const abort = interruptSignal()
const say = startProgress()
whenLauncherEnds('cluster', () => process.kill(process.pid, 'SIGTERM'))

try {
  await install()
  await build(console.error, ['auth', 'engine', 'clients/cli', ...(options.wallys > 0 ? ['wallet-bridge'] : []), ...(options.blobs > 0 ? ['blobs'] : [])])
  await withFileLock(join(options.dir, 'lock'), { waitMs: LOCK_MS_MAX, whatFor: 'another cluster runs in this folder' }, run)
} catch (error) {
  if (!abort.aborted) {
    console.error(`cluster: ${error.message}`)
    process.exitCode = 1
  }
}
process.exit()

async function run() {
  const cluster = await startCluster({ root, say, abort, ...options })
  const ended = new Promise((resolve) => {
    if (abort.aborted) resolve()
    abort.addEventListener('abort', () => resolve(), { once: true })
    process.on('message', (order) => {
      if (order?.kind === 'stop') resolve()
      else void carryOut(cluster, order).then(tell)
    })
    // Whoever forked this is gone: nobody else would stop it.
    process.on('disconnect', () => resolve())
    if (process.connected === false) resolve()
  })
  // What a deploy does, for somebody at a terminal.
  process.on('SIGUSR2', () => {
    cluster.roll().then(() => say('all engines were replaced'), (error) => say(`roll: ${error.message}`))
  })
  const ready = { kind: 'ready', url: cluster.url, ws: cluster.ws, processes: cluster.list(), rigs: cluster.rigs }
  tell(ready)
  console.log(options.json ? JSON.stringify(ready) : tour(ready))
  await ended
  say('stopping')
  await cluster.stop()
}

function tell(message) {
  // The parent may go at any time; `disconnect` says so.
  if (process.connected === true) process.send(message, () => {})
}

/** What to do with a cluster that runs. */
function tour({ url, ws, processes }) {
  const at = url === 'http://localhost:8080' ? '' : ` --server ${url}`
  const engine = processes.find(({ kind }) => kind === 'engine')
  const wally = options.wallys === 0 ? '' : `\nThe wallet bridge: npx evegram wallet deposit SOL --profile ./alice; for operators: npx evegram wally status --token ${join(options.dir, OPERATOR_TOKEN_FILE)}${at}`
  return `
Evegram runs as a cluster: ${url}
  messages  ${ws}
${processes.map(({ name, pid }) => `  ${name.padEnd(12)} process ${pid ?? '(container)'}`).join('\n')}

Try it in two other terminals:
  npx evegram keys new --chain solana --out alice.json                 npx evegram keys new --chain ton --out bob.json
  npx evegram login --wallet alice.json --profile ./alice${at}        npx evegram login --wallet bob.json --profile ./bob${at}
  npx evegram chat <Bob's address> --profile ./alice                   npx evegram chat <Alice's address> --profile ./bob${wally}
Then kill something in the middle of a sentence, for example: kill -9 ${engine?.pid ?? '<pid>'}
It is back after a second, and nothing that was acknowledged is missing, doubled or out of order.
A deploy, new engines first and then the old ones drained: kill -USR2 ${process.pid}. Ctrl-C ends it all.`
}

/** The command line, or the end of this process with code 2. */
function readOptions() {
  let values
  try {
    ({ values } = parseArgs({
      options: {
        'nodes': { type: 'string', default: '3' }, 'engines': { type: 'string' }, 'auths': { type: 'string', default: String(AUTHS_DEFAULT) }, 'wally': { type: 'boolean', default: false }, 'files': { type: 'boolean', default: false }, 'rig': { type: 'string', default: '' }, 'dir': { type: 'string' }, 'services-dir': { type: 'string' },
        'http-port': { type: 'string', default: process.env['EVEGRAM_HTTP_PORT'] ?? '8080' }, 'ws-port': { type: 'string', default: process.env['EVEGRAM_WS_PORT'] ?? '8081' },
        'json': { type: 'boolean', default: false }, 'help': { type: 'boolean', short: 'h', default: false },
      },
    }))
  } catch (error) {
    return refuse(error.message)
  }
  if (values.help) {
    console.log(USAGE)
    process.exit(0)
  }
  if (!['1', '3'].includes(values.nodes)) return refuse('--nodes is 1 or 3')
  const number = (text, from, to) => (/^\d{1,5}$/.test(text) && Number(text) >= from && Number(text) <= to ? Number(text) : undefined)
  const engines = number(values.engines ?? values.nodes, 1, PROCESSES_MAX)
  const auths = number(values.auths, 1, PROCESSES_MAX)
  const httpPort = number(values['http-port'], 0, PORT_MAX)
  const wsPort = number(values['ws-port'], 0, PORT_MAX)
  if (engines === undefined || auths === undefined) return refuse(`--engines and --auths are 1 to ${PROCESSES_MAX}`)
  const rigs = values.rig.split(',').filter((name) => name !== '')
  if (!rigs.every((name) => RIGS.includes(name))) return refuse(`--rig takes ${RIGS.join(', ')}`)
  if (httpPort === undefined || wsPort === undefined) return refuse(`a port is 0 to ${PORT_MAX}`)
  const dir = resolve(root, values.dir ?? '.evegram-cluster')
  const servicesDir = resolve(root, values['services-dir'] ?? (values.dir === undefined ? '.services' : join(values.dir, 'services')))
  return { nodes: Number(values.nodes), engines, auths, wallys: values.wally ? 1 : 0, blobs: values.files ? BLOBS : 0, rigs, httpPort, wsPort, dir, servicesDir, json: values.json }
}

function refuse(why) {
  console.error(`cluster: ${why}\n\n${USAGE}`)
  process.exit(EXIT_USAGE)
}
