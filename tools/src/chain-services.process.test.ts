import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { isRunning, type NotedProcess } from '../services/process-identity.mjs'
import { environmentOf } from '../services/up.mjs'

// The real program: built, started and ended here.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

const TOOL = fileURLToPath(new URL('../services.mjs', import.meta.url))

interface State { readonly env: Readonly<Record<string, string>>, readonly processes: readonly (NotedProcess & { readonly address: string, readonly kind: string })[] }

let dir: string
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'evegram-chains-'))
  await up()
})
afterAll(async () => {
  await services('down', '--purge')
  rmSync(dir, { recursive: true, force: true })
})

const services = (...args: readonly string[]): Promise<string> => new Promise((resolve, reject) => {
  execFile(process.execPath, [TOOL, ...args, '--dir', dir], (error, stdout, stderr) => {
    if (error === null) resolve(stdout)
    else reject(new Error(stderr, { cause: error }))
  })
})
const up = (): Promise<string> => services('up', '--native', '--only', 'solana')
const state = (): State => JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')) as State
async function ask(url: string | undefined, method: string, ...params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url ?? '', { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })
  return (await response.json() as { readonly result?: unknown }).result
}

describe('the local chains of npm run services', () => {
  it('run on loopback, make slots, give play money, and say where they are', async () => {
    const { EVEGRAM_SOLANA: url } = state().env
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const slot = await ask(url, 'getSlot', { commitment: 'processed' })
    await vi.waitFor(async () => { expect(await ask(url, 'getSlot', { commitment: 'processed' })).toBeGreaterThan(Number(slot)) }, 10_000)
    const address = 'So11111111111111111111111111111111111111112'
    const before = await ask(url, 'getBalance', address, { commitment: 'processed' }) as { readonly value: number }
    expect(await ask(url, 'requestAirdrop', address, 5_000)).toMatch(/^[1-9A-HJ-NP-Za-km-z]{80,90}$/)
    expect(await ask(url, 'getBalance', address, { commitment: 'processed' })).toMatchObject({ value: before.value + 5_000 })
  })

  it('are started once, keep their ports, and are ended', async () => {
    const [first] = state().processes
    await up()
    expect(state().processes).toMatchObject([{ pid: first?.pid }])
    await services('down')
    expect(first !== undefined && isRunning(first)).toBe(false)
    await up()
    expect(state().processes.map(({ kind, address }) => [kind, address])).toEqual([['solana', first?.address]])
  })

  it('are no part of what services find when they do not run', () => {
    expect(environmentOf({ nodes: 1, processes: [] })).not.toHaveProperty('EVEGRAM_SOLANA')
    expect(environmentOf({ nodes: 1, processes: [{ kind: 'solana', address: '127.0.0.1:1' }] })).toEqual({ EVEGRAM_SOLANA: 'http://127.0.0.1:1' })
  })
})
