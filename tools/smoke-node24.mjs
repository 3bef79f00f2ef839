#!/usr/bin/env node
// `npm run smoke:node24`: install and build what it needs, then serve WebSockets by the `ws` tier under Node 24. Options: --json
import { build, install, requireNode, run } from './prepare.mjs'

requireNode()
await install()
await build()
try {
  await run('npx', ['-y', '-p', 'node@24', 'node', 'engine/dist/adapters/ws/smoke.js', ...process.argv.slice(2)])
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
