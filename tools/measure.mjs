#!/usr/bin/env node
// `npm run resume`, `churn`, `ledger:histories`, `wally:holds`, `wally:deposits`, `wally:reconcile`, `wally:crash`, `ledger:bench`: install and build what they need, start the store that they measure (unless the environment names one), measure.
// Options: npm run <name> -- --help
import { build, install, requireNode } from './prepare.mjs'
import { startProgress } from './services/progress.mjs'
import { startTemporary } from './services/temporary.mjs'
import { DEFAULT_SETTINGS } from './services/up.mjs'

/** Stores, by the variable that names a running one, and how programs are told of it. */
const STORES = {
  cassandra: {
    variable: 'EVEGRAM_CASSANDRA',
    place: ({ EVEGRAM_CASSANDRA, EVEGRAM_CASSANDRA_DC = 'datacenter1' }) => ({ contactPoints: EVEGRAM_CASSANDRA.split(','), dataCenter: EVEGRAM_CASSANDRA_DC, copies: 1 }),
  },
  postgres: { variable: 'EVEGRAM_POSTGRES', place: ({ EVEGRAM_POSTGRES }) => ({ url: EVEGRAM_POSTGRES }) },
}
/** A program exports `checkArguments(name, args)` and `measure(name, args, place)`. Without `store` it brings its own and gets no place. */
const PROGRAMS = {
  'resume': { workspace: 'engine', module: 'engine/dist/measure/main.js', store: 'cassandra' },
  'churn': { workspace: 'engine', module: 'engine/dist/measure/main.js', store: 'cassandra' },
  'ledger-histories': { workspace: 'wallet-bridge', module: 'wallet-bridge/dist/measure/histories/main.js', store: 'postgres' },
  'wally-holds': { workspace: 'wallet-bridge', module: 'wallet-bridge/dist/measure/holds/main.js', store: 'postgres' },
  'wally-deposits': { workspace: 'wallet-bridge', module: 'wallet-bridge/dist/measure/deposits/main.js' },
  'wally-reconcile': { workspace: 'wallet-bridge', module: 'wallet-bridge/dist/measure/reconcile/main.js' },
  'wally-crash': { workspace: 'wallet-bridge', module: 'wallet-bridge/dist/measure/crash/main.js', store: 'postgres' },
  'ledger-bench': { workspace: 'wallet-bridge', module: 'wallet-bridge/dist/measure/ledger-bench/main.js', store: 'postgres' },
}

requireNode()
await install()
const [name, ...args] = process.argv.slice(2)
const { workspace, module, store } = PROGRAMS[name]
await build(console.error, [workspace])
const { checkArguments, measure } = await import(`../${module}`)
// Before anything is started that would have to be ended.
checkArguments(name, args)

const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => abort.abort(new Error(`interrupted by ${signal}`)))
const { variable, place } = STORES[store] ?? { place: () => undefined }
const isGiven = variable === undefined || process.env[variable] !== undefined
const services = isGiven ? { state: { env: process.env }, end: async () => {} } : await startTemporary({ settings: DEFAULT_SETTINGS, say: startProgress(), abort: abort.signal, kinds: [store] })
try {
  const isHeld = await measure(name, args, place(services.state.env))
  process.exitCode = isHeld ? 0 : 1
} finally {
  await services.end()
}
process.exit()
