import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failedTestsFile } from '../failed-tests.mjs'

const root = fileURLToPath(new URL('../../', import.meta.url))
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evegram-failed-tests-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** What the reporter wrote of a run of these test files, and the exit code of vitest. */
async function runOf(files: Readonly<Record<string, string>>): Promise<{ readonly code: number | null, readonly text: string }> {
  const vitest = join(root, 'node_modules', 'vitest')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text.replaceAll("'vitest'", JSON.stringify(join(vitest, 'dist', 'index.js'))))
  const child = spawn(process.execPath, [join(vitest, 'vitest.mjs'), 'run', '--root', folder, `--reporter=${join(root, 'tools', 'failed-tests.mjs')}`], { stdio: 'ignore' })
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('exit', resolve))
  return { code, text: readFileSync(failedTestsFile(folder), 'utf8') }
}

describe('what npm test names at its end', () => {
  it('is each failed test with its file and error, a file that cannot be loaded, and an error that no test caught', async () => {
    const { code, text } = await runOf({
      'sum.test.mjs': `import { expect, it, describe } from 'vitest'
describe('a sum', () => { it('is right', () => { expect(1 + 1).toBe(3) }); it('holds', () => {}) })`,
      'broken.test.mjs': 'throw new Error("cannot be loaded")',
      'stray.test.mjs': `import { it } from 'vitest'
it('leaves something behind', async () => { void Promise.reject(new Error('nobody awaits this')); await new Promise((resolve) => setTimeout(resolve, 50)) })`,
    })
    expect(code).toBe(1)
    expect(text).toMatch(/^sum\.test\.mjs > a sum > is right\n {4}expected 2 to be 3/m)
    expect(text).toMatch(/^broken\.test\.mjs\n {4}cannot be loaded/m)
    expect(text).toMatch(/^an error that no test caught\n {4}nobody awaits this/m)
    expect(text).not.toContain('holds')
  })

  it('is nothing when all passed', async () => {
    expect(await runOf({ 'fine.test.mjs': "import { it } from 'vitest'\nit('holds', () => {})" })).toEqual({ code: 0, text: '' })
  })
})

describe('what npm test names while it runs', () => {
  it('is a file that takes too long, also one that lets nothing else happen', async () => {
    const vitest = join(root, 'node_modules', 'vitest')
    writeFileSync(join(folder, 'circle.test.mjs'), `import { it } from ${JSON.stringify(join(vitest, 'dist', 'index.js'))}
it('is quick', () => {})
it('goes round in circles', async () => { for (const end = Date.now() + 2_000; Date.now() < end;) await undefined })`)
    const reporter = join(root, 'tools', 'failed-tests.mjs')
    writeFileSync(join(folder, 'vitest.config.mjs'), `export default { test: { reporters: [[${JSON.stringify(reporter)}, { longMs: 300, lookMs: 100 }]] } }`)
    const child = spawn(process.execPath, [join(vitest, 'vitest.mjs'), 'run', '--root', folder], { stdio: ['ignore', 'pipe', 'ignore'] })
    let said = ''
    child.stdout.on('data', (bytes: Buffer) => { said += bytes.toString() })
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
    expect(code).toBe(0)
    expect(said).toMatch(/^still running after 0 min: circle\.test\.mjs$/m)
  })
})
