#!/usr/bin/env node
// NATS with its websocket listener, core NATS alone: at most once, nothing stored. `--program <path>` runs that server; without it the project's own version is
// built by Go, once. Started only when asked for.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cacheDir } from '../../tools/services/cache.mjs'
import { freePort } from '../../tools/services/free-port.mjs'
import { buildNatsServer, hasNatsServer } from '../../tools/services/nats.mjs'
import { findProgram } from '../../tools/services/preflight.mjs'
import { serve } from './serve.mjs'

/** One core, as every peer has. */
const ONE_CORE = { GOMAXPROCS: '1' }

const { values } = parseArgs({ options: { program: { type: 'string' } } })

await serve('nats', async ({ dir, say, run, listens }) => {
  const command = values.program ?? await built(say)
  const taken = new Set()
  const [client, websocket] = [await freePort(['127.0.0.1'], taken), await freePort(['127.0.0.1'], taken)]
  const conf = join(dir, 'nats.conf')
  writeFileSync(conf, [
    `listen: 127.0.0.1:${client}`,
    'max_connections: 100000',
    `websocket { listen: "127.0.0.1:${websocket}", no_tls: true, compression: false }`,
    '',
  ].join('\n'))
  run({ command, args: ['-c', conf], env: ONE_CORE })
  await listens(websocket)
  return `ws://127.0.0.1:${websocket}`
})

function built(say) {
  const cache = cacheDir()
  const go = findProgram('go')
  if (!hasNatsServer(cache) && go === undefined) throw new Error('nats-server is built by Go, and no go is in PATH: install Go 1.21 or newer, or set NATS_SERVER_BIN to the path of a server')
  return buildNatsServer(cache, { go }, say)
}
