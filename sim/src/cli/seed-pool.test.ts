import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { RunOptions } from '../run-options.js'
import { SeedPool } from './seed-pool.js'

let folder: string
let pool: SeedPool | undefined

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'evegram-pool-'))
  writeFileSync(join(folder, 'worker.mjs'), `
    process.on('message', ({ id, options }) => {
      if (options.seed === 'dies') { process.stderr.write('out of luck\\n'); process.exitCode = 7; process.disconnect(); return }
      if (options.seed === 'hangs') return
      if (options.seed === 'throws') { process.send({ id, failure: 'Error: oops' }); return }
      const violation = options.seed === 'breaks' ? { promise: 'P1', what: 'x', atMs: 1, event: 1 } : undefined
      process.send({ id, result: { seed: options.seed, traceHash: String(process.pid), violation } })
    })`)
})
afterEach(() => { pool?.close() })
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

function open(workers: number, seedMsMax = 20_000): SeedPool {
  return pool = new SeedPool({ workerFile: join(folder, 'worker.mjs'), workers, seedMsMax })
}

function options(seed: string): RunOptions {
  return { seed, profile: 'all', crypto: 'stand-in', keepTrace: false }
}

test('a process that dies is reported with its seed, and the seeds behind it still run', async () => {
  const seeds = ['1', 'dies', '3', 'breaks', 'throws', '6']
  const opened = open(1)
  const outcomes = await Promise.all(seeds.map((seed) => opened.run(options(seed))))
  expect(outcomes.map(({ status }) => status)).toEqual(['green', 'died', 'green', 'broken', 'died', 'green'])
  expect(outcomes.map((outcome) => outcome.options.seed)).toEqual(seeds)
  expect(outcomes[1]).toMatchObject({ reason: 'its process ended with code 7\nout of luck' })
})

test('a process that hangs is ended', async () => {
  expect(await open(1, 300).run(options('hangs'))).toMatchObject({ status: 'died', reason: 'no result after 0.3 s' })
})

test('seeds are spread over processes', async () => {
  const opened = open(2)
  const outcomes = await Promise.all(Array.from({ length: 8 }, (_, index) => opened.run(options(String(index)))))
  expect(new Set(outcomes.map((outcome) => (outcome.status === 'died' ? '' : outcome.result.traceHash))).size).toBe(2)
})
