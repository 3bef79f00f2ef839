#!/usr/bin/env node
// `npm run convergence`: installs and builds what it needs, then plays histories of devices. Options: npm run convergence -- --help
import { build, install, requireNode } from './prepare.mjs'

requireNode()
await install()
await build(undefined, ['clients/sdk'])
// The run reads its own options: what is left of the command line is for it.
await import('../clients/sdk/dist/convergence.js')
