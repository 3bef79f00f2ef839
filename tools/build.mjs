#!/usr/bin/env node
// `node tools/build.mjs [project ...]`: compiles what changed, never two at a time. Tests that run programs call it before they start them.
import { build } from './prepare.mjs'

await build(console.error, process.argv.slice(2))
