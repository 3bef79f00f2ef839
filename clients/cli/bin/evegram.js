#!/usr/bin/env node
// Committed launcher: `npx evegram` finds it right after installing, before anything was built.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(fileURLToPath(main))) {
  await import(main.href)
} else {
  console.error('Evegram is installed but not built yet. Run: npm run build')
  process.exitCode = 1
}
