#!/usr/bin/env node
// `npm run resume`, `npm run churn`: install and build what they need, start a Cassandra of their own (unless EVEGRAM_CASSANDRA names one), measure.
// Options: npm run <name> -- --help
import { build, install, requireNode } from './prepare.mjs'
import { startProgress } from './services/progress.mjs'
import { startTemporary } from './services/temporary.mjs'
import { DEFAULT_SETTINGS } from './services/up.mjs'

requireNode()
await install()
await build(console.error, ['engine'])
const [name, ...args] = process.argv.slice(2)
const { checkArguments, measure } = await import('../engine/dist/measure/main.js')
// Before anything is started that would have to be ended.
checkArguments(name, args)

const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => abort.abort(new Error(`interrupted by ${signal}`)))
const given = process.env['EVEGRAM_CASSANDRA'] === undefined ? undefined : { state: { env: process.env }, end: async () => {} }
const services = given ?? await startTemporary({ settings: DEFAULT_SETTINGS, say: startProgress(), abort: abort.signal, kinds: ['cassandra'] })
try {
  const { EVEGRAM_CASSANDRA, EVEGRAM_CASSANDRA_DC = 'datacenter1' } = services.state.env
  const isHeld = await measure(name, args, { contactPoints: EVEGRAM_CASSANDRA.split(','), dataCenter: EVEGRAM_CASSANDRA_DC, copies: 1 })
  process.exitCode = isHeld ? 0 : 1
} finally {
  await services.end()
}
process.exit()
