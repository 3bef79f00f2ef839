#!/usr/bin/env node
// `npm run verify` and `npm run verify:bench`: install and build what they need, then judge. Options: npm run verify -- --help
import { join } from 'node:path'
import { install, requireNode, root, run } from './prepare.mjs'

requireNode()
await install()
await run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', 'auth', 'clients/sdk', 'tools'], { quiet: true })
await import('./dist/verify.js')
