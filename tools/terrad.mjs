#!/usr/bin/env node
// `npm run terrad -- build|up|where`: a real node of Terra Classic. `build` and `where` need nothing but Node and Go: they work before npm install.
import { parseArgs } from 'node:util'
import { build, install, requireNode } from './prepare.mjs'
import { cacheDir } from './services/cache.mjs'
import { interruptSignal } from './services/interrupt.mjs'
import { startProgress } from './services/progress.mjs'
import { buildTerrad, findTerrad, provideTerrad, terradVersion, TERRAD_VERSION } from './services/terrad.mjs'

const USAGE = `npm run terrad -- <build | up | where> [options]

A real node of Terra Classic, for play money on this machine alone. terrad ${TERRAD_VERSION} is the last release before the fork, the only one that can be had from the Go proxy
with nothing but Go: old code with known faults, so it listens on loopback and nowhere else. TERRAD_BIN names another program instead, a node of today for instance.

  build   builds terrad ${TERRAD_VERSION} into the cache: Go 1.23 or newer, a C compiler, Linux on x64, two and a half minutes of CPU, once
  up      starts a fresh chain and keeps it until Ctrl-C, building the node first when there is none
  where   says which program "up" would start; code 1 when there is none

  up:
  --port <number>              REST with a faucet (default 1317; 0: one that is free); give it to a server as EVEGRAM_TERRA
  --lcd-port, --rpc-port <n>   REST and JSON-RPC of the node itself (default 0)
  --block-ms <milliseconds>    that the validator waits after a block, 100 to 60000 (default 500)
  --chain-id <id>              default localterra; begins with local
  --within <folder>            where the folder of the chain is made; it is deleted at the end

  --json                       the answer as JSON on standard output; progress goes to standard error

What is built is kept in EVEGRAM_CACHE_DIR (default evegram in the user's cache folder); it may be deleted at any time.
Exit codes: 0 done, 1 failed (where: there is none), 2 wrong usage.`

const EXIT_USAGE = 2

requireNode()
const { command, json, rest } = readCommand()
const cache = cacheDir()
try {
  if (command === 'where') {
    const found = findTerrad(cache)
    if (found === undefined) {
      if (json) console.log('null')
      throw new Error('there is no terrad: npm run terrad -- build makes one, or TERRAD_BIN names one')
    }
    await tell(found)
  } else if (command === 'build') await tell({ path: await buildTerrad(cache, startProgress(), interruptSignal()), from: 'the cache' })
  else await up()
} catch (error) {
  console.error(`terrad ${command}: ${error.message}`)
  process.exitCode = 1
}

async function tell({ path, from }) {
  const version = await terradVersion(path)
  console.log(json ? JSON.stringify({ path, from, version }) : `${path} (${version}, from ${from})`)
}

/** Runs the program of the chain in this process: it ends by the same signals, and says the same. */
async function up() {
  const say = startProgress()
  await install(say)
  await build(say, ['wallet-bridge'])
  // A build ends at Ctrl-C by itself; what comes after has its own way to end.
  const { path, from } = await provideTerrad(cache, say, undefined)
  say(`starting ${path} (${from})`)
  process.argv = [process.execPath, 'terrad', '--program', path, ...rest, ...(json ? ['--json'] : [])]
  await import('../wallet-bridge/dist/chain/terra/node/main.js')
}

/** The command line, or the end of this process with code 2. */
function readCommand() {
  const text = { type: 'string' }
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        'port': text, 'lcd-port': text, 'rpc-port': text, 'block-ms': text, 'chain-id': text, 'within': text,
        'json': { type: 'boolean', default: false }, 'help': { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    return refuse(error.message)
  }
  const { values: { json: asJson, help, ...values }, positionals: [name = '', ...more] } = parsed
  if (help) {
    console.log(USAGE)
    process.exit(0)
  }
  if (!['build', 'up', 'where'].includes(name) || more.length > 0) return refuse(name === '' ? 'say build, up or where' : `no such command: ${[name, ...more].join(' ')}`)
  const given = Object.entries(values)
  if (name !== 'up' && given.length > 0) return refuse(`--${given[0][0]} goes with up`)
  return { command: name, json: asJson, rest: given.flatMap(([option, value]) => [`--${option}`, value]) }
}

function refuse(why) {
  console.error(`terrad: ${why}\n\n${USAGE}`)
  process.exit(EXIT_USAGE)
}
