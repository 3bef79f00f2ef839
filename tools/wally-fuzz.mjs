#!/usr/bin/env node
// `npm run wally:fuzz`: install and build what it needs, fetch schemathesis, then make requests up from the API description of a server. Options: npm run wally:fuzz -- --help
import { whenLauncherEnds } from './launcher.mjs'
import { build, install, requireNode } from './prepare.mjs'
import { interruptSignal } from './services/interrupt.mjs'
import { startProgress } from './services/progress.mjs'
import { provideSchemathesis } from './services/schemathesis.mjs'

requireNode()
await install()
await build()
const { fuzz, readFuzzOptions } = await import('../bench/dist/wally-fuzz/main.js')
// Before anything is fetched or started.
const options = readFuzzOptions()
whenLauncherEnds('wally:fuzz', () => process.kill(process.pid, 'SIGTERM'))
const abort = interruptSignal()
try {
  const program = await provideSchemathesis(startProgress(), abort)
  process.exitCode = (await fuzz(options, program, abort)) ? 0 : 1
} catch (error) {
  console.error(`wally:fuzz: ${error.message}`)
  process.exitCode = 1
}
// Waits that lost against an error still have timers.
process.exit()
