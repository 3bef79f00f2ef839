#!/usr/bin/env node
// Tinode with a PostgreSQL of its own (the project's, from npm), which is part of what is measured. `--program <path>` is its server, built for PostgreSQL, with its
// init-db (or tinode-db) in the same folder; no registry has them. Started only when asked for.
import { mkdirSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { cacheDir } from '../../tools/services/cache.mjs'
import { freePort } from '../../tools/services/free-port.mjs'
import { fetchPostgres, initPostgres, planPostgres, POSTGRES_USER } from '../../tools/services/postgres.mjs'
import { findProgram } from '../../tools/services/preflight.mjs'
import { runTool } from '../../tools/services/run-tool.mjs'
import { serve } from './serve.mjs'

const SUBSCRIBERS_MAX = 100_000
const INIT_MS_MAX = 60_000
/** Of Tinode's example configuration: the key of its demo clients goes with it. */
const DEMO_SALT = 'T713/rYYgW7g4m3vG6zGRh7+FM1t0T8j13koXScOAj4='

const { values } = parseArgs({ options: { program: { type: 'string' } } })

await serve('tinode', async ({ dir, say, run, listens }) => {
  const command = values.program
  if (command === undefined) throw new Error('--program is the path of the program tinode')
  const makeDatabase = ['init-db', 'tinode-db'].map((name) => findProgram(join(dirname(command), name))).find((path) => path !== undefined)
  if (makeDatabase === undefined) throw new Error(`there is neither init-db nor tinode-db beside ${command}`)
  const taken = new Set()
  const [port, store] = [await freePort(['127.0.0.1'], taken), await freePort(['127.0.0.1'], taken)]
  const password = randomBytes(16).toString('hex')
  const setpriv = process.getuid?.() === 0 ? findProgram('setpriv') : undefined
  const bin = await fetchPostgres(cacheDir(), { npm: findProgram('npm') }, say)
  mkdirSync(join(dir, 'postgres'), { recursive: true })
  await initPostgres({ password, dir, bin, setpriv }, say)
  const [plan] = planPostgres({ port: store, password, dir, bin, setpriv })
  run(plan.start)
  await listens(store)
  const conf = join(dir, 'tinode.conf')
  writeFileSync(conf, JSON.stringify(configuration(port, store, password)))
  say('making the database of Tinode')
  await runTool(makeDatabase, [`--config=${conf}`], { cwd: dir, timeoutMs: INIT_MS_MAX })
  run({ command, args: [`--config=${conf}`, `--static_data=${dir}`], env: { GOMAXPROCS: '1' } })
  await listens(port)
  return `ws://127.0.0.1:${port}`
})

function configuration(port, store, password) {
  return {
    listen: `127.0.0.1:${port}`, grpc_listen: '', api_path: '/', api_key_salt: DEMO_SALT, max_message_size: 262_144, max_subscriber_count: SUBSCRIBERS_MAX, max_tag_count: 16,
    auth_config: {
      basic: { add_to_tags: false, min_login_length: 3, min_password_length: 3 },
      token: { expire_in: 1_209_600, serial_num: 1, key: randomBytes(32).toString('base64') },
    },
    store_config: {
      uid_key: randomBytes(16).toString('base64'), max_results: 1_024, use_adapter: 'postgres',
      adapters: { postgres: { User: POSTGRES_USER, Passwd: password, Host: '127.0.0.1', Port: String(store), DBName: 'tinode', max_open_conns: 64, max_idle_conns: 64 } },
    },
    acc_validation: {}, push: [], plugins: [],
  }
}
