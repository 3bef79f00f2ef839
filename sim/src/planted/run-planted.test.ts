import { createPatch } from 'diff'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parsePlantedPatch } from './planted-patch.js'
import { plantedNames, runPlanted, type PlantedOutcome } from './run-planted.js'
import { plant } from './scratch-copy.js'

const SOURCE = 'export const limit: number = 3\nexport const name: string = "fine"\n'

/** A simulator that is red from seed `limit` on when the engine's limit is not 3. */
const FAKE_MAIN = `
import { limit, name } from '@evegram/engine'
const line = (record) => console.log(JSON.stringify(record))
if (name === 'dead') process.exit(9)
let seeds = 0
for (seeds = 1; seeds <= 200; seeds++) {
  if (limit === 3 || seeds < limit) { line({ kind: 'seed', seed: String(seeds), status: 'green' }); continue }
  const violation = { promise: name === 'guarded' ? 'guard' : 'P5', what: process.argv.slice(2).join(' ') }
  line({ kind: 'seed', seed: String(seeds), status: 'broken', violation })
  process.exitCode = 1
  break
}
line({ kind: 'summary', seeds: Math.min(seeds, 200) })
`

let root: string

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function writePatch(name: string, after: string, before = SOURCE): void {
  const diff = createPatch('engine/src/limit.ts', before, after).replace(/^(?:Index: .*|=+)\n/gm, '')
    .replace('--- engine/', '--- a/engine/').replace('+++ engine/', '+++ b/engine/')
  write(`sim/planted/${name}.patch`, `Bug: a limit.\nPromise: P1\nProfile: crash\n\n${diff}`)
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'evegram-planted-test-'))
  for (const workspace of ['protocol', 'platform', 'auth', 'engine', 'wallet-bridge', 'clients/sdk', 'sim']) {
    const name = workspace.replace('clients/', '')
    write(`${workspace}/package.json`, JSON.stringify({ name: `@evegram/${name}`, type: 'module', exports: './dist/limit.js' }))
    write(`${workspace}/dist/unused.js`, '')
  }
  write('engine/src/limit.ts', SOURCE)
  write('engine/dist/limit.js', 'export const limit = 3\nexport const name = "fine"\n')
  write('sim/dist/main.js', FAKE_MAIN)
  mkdirSync(join(root, 'sim/planted'), { recursive: true })
})
afterEach(() => { rmSync(root, { recursive: true, force: true }) })

function reasonOf(outcome: PlantedOutcome | undefined): string {
  return outcome?.status === 'red' ? outcome.reason : `not red but ${String(outcome?.status)}`
}

async function run(): Promise<Readonly<Record<string, PlantedOutcome>>> {
  const scratch = join(root, 'node_modules/.cache/planted')
  const outcomes = await runPlanted({ root, patches: join(root, 'sim/planted'), scratch, only: [], msMax: 1_000, now: () => 0, onOutcome: () => undefined })
  expect(existsSync(scratch) ? readdirSync(scratch) : []).toEqual([])
  return Object.fromEntries(outcomes.map((outcome) => [outcome.name, outcome]))
}

test('a bug that breaks a promise is reported with its seed; one that does not is red; the copy without a bug is green', async () => {
  writePatch('good', SOURCE.replace('= 3', '= 7'))
  writePatch('harmless', SOURCE.replace('fine', 'other'))
  const { good, harmless, '(no bug)': control } = await run()
  expect(good).toMatchObject({ status: 'found', promise: 'P5', seed: '7', seeds: 7, patch: { promise: 'P1' } })
  expect(good).toMatchObject({ what: '--seeds 200 --profile crash --json --workers 1 --stop-at-first --timeline 0' })
  expect(harmless).toMatchObject({ status: 'red', reason: 'not found within 200 seeds' })
  expect(control).toMatchObject({ status: 'control' })
})

test('a patch that does not apply, compile or change anything is red and says so', async () => {
  writePatch('gone', SOURCE.replace('= 3', '= 7'), SOURCE.replace('limit', 'bound'))
  writePatch('broken', SOURCE.replace('= 3', '= = 7'))
  writePatch('types-only', SOURCE.replace(': number', ''))
  write('sim/planted/headless.patch', '--- a/engine/src/limit.ts\n+++ b/engine/src/limit.ts\n')
  const outcomes = await run()
  expect(outcomes['gone']).toMatchObject({ status: 'red', reason: 'it does not apply to engine/src/limit.ts any more' })
  expect(reasonOf(outcomes['broken'])).toContain('does not compile')
  expect(outcomes['types-only']).toMatchObject({ status: 'red', reason: 'it changes no code of engine/src/limit.ts' })
  expect(outcomes['headless']).toMatchObject({ status: 'red', reason: 'its header has no "Profile:"' })
})

test('a simulator that fails proves nothing', async () => {
  writePatch('dies', SOURCE.replace('fine', 'dead'))
  writePatch('touches', SOURCE.replace('= 3', '= 2').replace('fine', 'guarded'))
  const outcomes = await run()
  expect(outcomes['dies']).toMatchObject({ status: 'red', reason: 'it ended with code 9 and without a summary' })
  expect(reasonOf(outcomes['touches'])).toContain('touched the real world')
})

test('a simulator that is red without a bug makes the run red', async () => {
  write('engine/dist/limit.js', 'export const limit = 2\nexport const name = "fine"\n')
  expect(reasonOf((await run())['(no bug)'])).toContain('without any bug planted')
})

const repository = fileURLToPath(new URL('../../../', import.meta.url))

test.each(plantedNames(join(repository, 'sim/planted')))('%s applies to the sources of today and compiles', async (name) => {
  const patch = parsePlantedPatch(name, readFileSync(join(repository, 'sim/planted', `${name}.patch`), 'utf8'))
  // Where the build would be: only the places matter here.
  for (const { path } of patch.files) write(path.replace('/src/', '/dist/').replace(/\.ts$/, '.js'), '')
  await plant(repository, root, patch.files)
})
