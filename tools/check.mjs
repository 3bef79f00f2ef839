#!/usr/bin/env node
// `npm run check`: everything about the source that needs no running server. Each check has its own line and all run, also after a red one.
import { execFile } from 'node:child_process'
import { build, install, requireNode, root, run } from './prepare.mjs'

const AUDIT_MS_MAX = 60_000

requireNode()
await install()

const node = process.execPath
const SOURCES = ['protocol', 'platform', 'auth', 'engine', 'blobs', 'wallet-bridge', 'standalone', 'clients/sdk', 'clients/cli', 'clients/web', 'bench', 'sim'].map((part) => `${part}/src`)
const CHECKS = [
  ['types (product)', () => build()],
  ['types (tests)', () => run(node, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.lint.json'], { quiet: true })],
  [
    'lint, imports between floors, docstrings on exports',
    () => run(node, ['node_modules/eslint/bin/eslint.js', '.', '--cache', '--max-warnings', '0'], { quiet: true }),
  ],
  ['docstrings of the API of the SDK', () => run(node, ['tools/docs-api.mjs', '--check'], { quiet: true })],
  ['licences', () => run(node, ['tools/check-licences.mjs'], { quiet: true })],
  ['circles of imports', () => run(node, ['node_modules/dependency-cruiser/bin/dependency-cruise.mjs', '--config', '.dependency-cruiser.cjs', '--', ...SOURCES], { quiet: true })],
  ['unused files, exports and dependencies', () => run(node, ['node_modules/knip/bin/knip.js', '--no-progress'], { quiet: true })],
]

/** How many findings of which weight packages have that run with the product; undefined when the registry does not say. */
function auditCounts() {
  return new Promise((resolve) => {
    // It ends with an error when it found something: only what it prints counts.
    execFile('npm', ['audit', '--omit=dev', '--json'], { cwd: root, timeout: AUDIT_MS_MAX, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout) => {
      try {
        resolve(JSON.parse(stdout).metadata?.vulnerabilities)
      } catch {
        resolve(undefined)
      }
    })
  })
}

let failed = 0
async function perform([name, check]) {
  const startedAt = performance.now()
  try {
    await check()
    console.log(`ok    ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failed++
    console.log(`FAIL  ${name}: ${error.message}`)
  }
}
// What the others look at is built first; they are one thread each and share the cores.
const [first, ...others] = CHECKS
await perform(first)
await Promise.all(others.map(perform))
// The registry mirror of some build machines does not serve audits: that is said, not counted as passed.
const audit = await auditCounts()
if (audit === undefined) console.log('note  npm audit: this registry does not serve it. SECURITY.md lists what is known by hand')
else if (audit.high + audit.critical === 0) console.log('ok    npm audit: nothing high or critical at run time')
else {
  failed++
  console.log(`FAIL  npm audit: ${audit.critical} critical, ${audit.high} high at run time; see: npm audit --omit=dev`)
}
process.exit(failed === 0 ? 0 : 1)
