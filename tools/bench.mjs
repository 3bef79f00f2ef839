#!/usr/bin/env node
// `npm run bench`, `crash`, `hostile`, `lying-server`, `prekeys`, `idle`, `route`, `faults`, `nonces`, `storm`, `durability`: install and build what they need, then run. Options: npm run <name> -- --help
import { whenLauncherEnds } from './launcher.mjs'
import { build, install, requireNode } from './prepare.mjs'

requireNode()
await install()
await build()
// The run reads its own options: what is left of the command line is for it.
const [name] = process.argv.splice(2, 1)
whenLauncherEnds(name, () => process.kill(process.pid, 'SIGTERM'))
// `npm run bench` is the general harness, `npm run prekeys` and `npm run idle` are scenarios of it on servers of their own; the others are runs of their own.
if (name === 'prekeys') process.argv.splice(2, 0, 'prekeys', '--fresh')
if (name === 'idle') process.argv.splice(2, 0, 'idle')
await import(`../bench/dist/${['bench', 'prekeys', 'idle'].includes(name) ? 'load' : name}/main.js`)
