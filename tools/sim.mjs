#!/usr/bin/env node
// `npm run sim` and `npm run sim:planted`: install and build what they need, then run. Options: npm run sim -- --help
import { build, install, requireNode } from './prepare.mjs'

requireNode()
await install()
await build(undefined, ['sim'])
// The run reads its own options: what is left of the command line is for it.
const planted = process.argv[2] === 'planted'
if (planted) process.argv.splice(2, 1)
await import(planted ? '../sim/dist/planted/main.js' : '../sim/dist/main.js')
