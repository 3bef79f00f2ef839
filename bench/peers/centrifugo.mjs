#!/usr/bin/env node
// Centrifugo 6 for clients without tokens, engine in memory; `--program <path>` is its binary, which no registry has. `--history` keeps the last messages of every
// channel and recovers from them. Started only when asked for.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort } from '../../tools/services/free-port.mjs'
import { serve } from './serve.mjs'

/** One core, as every peer has. */
const ONE_CORE = { GOMAXPROCS: '1' }
const QUEUE_BYTES_MAX = 16_777_216

const { values } = parseArgs({ options: { program: { type: 'string' }, history: { type: 'boolean' } } })

await serve('centrifugo', async ({ dir, run, listens }) => {
  if (values.program === undefined) throw new Error('--program is the path of the program centrifugo')
  const port = await freePort()
  const conf = join(dir, 'config.json')
  writeFileSync(conf, JSON.stringify(configuration(port)))
  run({ command: values.program, args: ['--config', conf], env: ONE_CORE })
  await listens(port)
  return `ws://127.0.0.1:${port}`
})

function configuration(port) {
  return {
    http_server: { address: '127.0.0.1', port },
    log: { level: 'error' },
    client: { allowed_origins: ['*'], allow_anonymous_connect_without_token: true, queue_max_size: QUEUE_BYTES_MAX },
    channel: {
      without_namespace: {
        allow_subscribe_for_client: true, allow_subscribe_for_anonymous: true, allow_publish_for_client: true, allow_publish_for_anonymous: true,
        ...(values.history === true ? { history_size: 100, history_ttl: '300s', force_recovery: true, force_positioning: true } : {}),
      },
    },
  }
}
