#!/usr/bin/env node
// `npm run web:screenshots -- --to <dir>`: pictures of every view, for a person to look at.
import { requireNode, install, build, run, root } from './prepare.mjs'
import { join } from 'node:path'

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(`npm run web:screenshots -- --to <dir>

Starts a server with two people and a few conversations, and takes pictures of every view of the page in Chromium: phone and desk widths, dark and light.
They are for a person to look at; nothing compares them.`)
  process.exit(0)
}
requireNode()
await install()
await build(console.error, ['clients/web'])
await run(process.execPath, [join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs'), join('clients', 'web', 'src', 'testing', 'screenshots.ts'), ...process.argv.slice(2)])
