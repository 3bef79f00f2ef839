import { createPatch } from 'diff'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parsePlantedPatch } from './planted-patch.js'
import { plantedNames, runPlanted, type PlantedOptions, type PlantedOutcome } from './run-planted.js'
import { plant } from './scratch-copy.js'

const SOURCE = 'export const limit: number = 3\nexport const name: string = "fine"\n'

/** A simulator that is red from seed `limit` on when the engine's limit is not 3. */
const FAKE_MAIN = `
import { limit, name } from '@evegram/engine'
const line = (record) => console.log(JSON.stringify(record))
if (name === 'dead') process.exit(9)
const asked = (name) => Number(process.argv[process.argv.indexOf(name) + 1])
if (name === 'hangs') await new Promise((resolve) => setTimeout(resolve, 60_000))
let seeds = 0
for (let seed = asked('--base'); seeds < asked('--seeds'); seed++) {
  seeds++
  if (limit === 3 || seed < limit || seed > limit + 1) { line({ kind: 'seed', seed: String(seed), status: 'green' }); continue }
  const violation = { promise: name === 'guarded' ? 'guard' : 'P5', what: process.argv.slice(2).join(' ') }
  line({ kind: 'seed', seed: String(seed), status: 'broken', violation })
  process.exitCode = 1
  break
}
line({ kind: 'summary', seeds })
`

let root: string

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function writePatch(name: string, after: string, { before = SOURCE, seed = '' } = {}): void {
  const diff = createPatch('engine/src/limit.ts', before, after).replace(/^(?:Index: .*|=+)\n/gm, '')
    .replace('--- engine/', '--- a/engine/').replace('+++ engine/', '+++ b/engine/')
  write(`sim/planted/${name}.patch`, `Bug: a limit.\nPromise: P1\nProfile: crash\n${seed}\n${diff}`)
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

async function run(options: Partial<PlantedOptions> = {}): Promise<Readonly<Record<string, PlantedOutcome>>> {
  const scratch = join(root, 'node_modules/.cache/planted')
  const outcomes = await runPlanted({
    root, patches: join(root, 'sim/planted'), scratch, only: [], search: false, writeSeeds: false, msMax: 30_000, now: () => 0, onOutcome: () => undefined, ...options,
  })
  expect(existsSync(scratch) ? readdirSync(scratch) : []).toEqual([])
  return Object.fromEntries(outcomes.map((outcome) => [outcome.name, outcome]))
}

test('a bug that breaks a promise is reported with its seed; one that does not is red; the copy without a bug is green', async () => {
  writePatch('good', SOURCE.replace('= 3', '= 7'))
  writePatch('harmless', SOURCE.replace('fine', 'other'))
  const { good, harmless, '(no bug)': control } = await run()
  expect(good).toMatchObject({ status: 'found', promise: 'P5', seed: '7', seeds: 7, patch: { promise: 'P1' } })
  expect(good).toMatchObject({ what: '--base 1 --seeds 200 --profile crash --json --workers 1 --stop-at-first --timeline 0' })
  expect(harmless).toMatchObject({ status: 'red', reason: 'not found within 200 seeds' })
  expect(control).toMatchObject({ status: 'control' })
})

test('a patch that does not apply, compile or change anything is red and says so', async () => {
  writePatch('gone', SOURCE.replace('= 3', '= 7'), { before: SOURCE.replace('limit', 'bound') })
  writePatch('broken', SOURCE.replace('= 3', '= = 7'))
  writePatch('types-only', SOURCE.replace(': number', ''))
  write('sim/planted/headless.patch', '--- a/engine/src/limit.ts\n+++ b/engine/src/limit.ts\n')
  const outcomes = await run()
  expect(outcomes['gone']).toMatchObject({ status: 'red', reason: 'it does not apply to engine/src/limit.ts any more' })
  expect(reasonOf(outcomes['broken'])).toContain('does not compile')
  expect(outcomes['types-only']).toMatchObject({ status: 'red', reason: 'it changes no code of engine/src/limit.ts' })
  expect(outcomes['headless']).toMatchObject({ status: 'red', reason: 'its header has no "Profile:"' })
})

test('the seed that a patch names is tried first; where it finds nothing any more, all are, and the one that does is written down when that is wanted', async () => {
  writePatch('known', SOURCE.replace('= 3', '= 7'), { seed: 'Seed: 8\n' })
  writePatch('moved', SOURCE.replace('= 3', '= 7'), { seed: 'Seed: 5\n' })
  writePatch('new', SOURCE.replace('= 3', '= 9'))
  const text = (name: string): string => readFileSync(join(root, `sim/planted/${name}.patch`), 'utf8')
  const { known, moved } = await run()
  expect(known).toMatchObject({ status: 'found', seed: '8', seeds: 1 })
  expect(known).not.toHaveProperty('moved')
  expect(moved).toMatchObject({ status: 'found', seed: '7', seeds: 7, moved: 5 })
  expect(text('moved')).toContain('Seed: 5\n')
  await run({ writeSeeds: true })
  expect([text('known'), text('moved'), text('new')].map((patch) => /^Profile: crash\nSeed: (\d+)\n/m.exec(patch)?.[1])).toEqual(['8', '7', '9'])
  const searched = await run({ search: true })
  expect(searched['known']).toMatchObject({ seed: '7', seeds: 7 })
})

test('what is stopped by real time says so, and counts as nothing', async () => {
  writePatch('hangs', SOURCE.replace('fine', 'hangs'))
  const { hangs } = await run({ msMax: 2_000 })
  expect(reasonOf(hangs)).toBe('stopped after 2 s of real time and 0 green seeds, which says nothing: --seconds gives it more')
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
