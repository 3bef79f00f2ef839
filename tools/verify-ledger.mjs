#!/usr/bin/env node
// `npm run ledger:verify`: install and build what it needs, then look. Options: npm run ledger:verify -- --help
import { build, install, requireNode } from './prepare.mjs'

requireNode()
await install()
await build(undefined, ['wallet-bridge'])
const { verifyCommand } = await import('../wallet-bridge/dist/audit/main.js')
process.exit(await verifyCommand(process.argv.slice(2)))
