import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { isRunning, type NotedProcess } from '../services/process-identity.mjs'

// Whole commands run here; a busy machine may take its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const TOOL = fileURLToPath(new URL('../services.mjs', import.meta.url))
const MIB = 1024 * 1024

/** As much of Redis as the tool asks for, so that these tests need none. `FAKE=deaf` never answers, `FAKE=broken` ends at once. */
const FAKE_REDIS = `
import { createServer } from 'node:net'
if (process.env.FAKE === 'broken') { console.error('Fatal error: no such option'); process.exit(1) }
console.log('started')
createServer((socket) => socket.on('error', () => {}).on('data', () => { if (process.env.FAKE !== 'deaf') socket.write('+PONG\\r\\n') }))
  .listen(Number(process.argv[process.argv.indexOf('--port') + 1]), '127.0.0.1')
`

interface Listed extends NotedProcess { readonly name: string, readonly address: string, readonly health: string, readonly rssBytes?: number }
interface Answer { readonly code: number, readonly stdout: string, readonly stderr: string }

interface Place { readonly home: string, readonly dir: string }

function makePlace(): Place {
  const home = mkdtempSync(join(tmpdir(), 'evegram-services-process-'))
  writeFileSync(join(home, 'fake.mjs'), FAKE_REDIS)
  const script = `#!/bin/sh\nif [ "$1" = --version ]; then echo 'Redis server v=7.0.0 sha=0'; exit; fi\nexec '${process.execPath}' '${join(home, 'fake.mjs')}' "$@"\n`
  writeFileSync(join(home, 'redis-server'), script)
  chmodSync(join(home, 'redis-server'), 0o755)
  return { home, dir: join(home, 'services') }
}

let home: string
let dir: string
beforeEach(() => { ({ home, dir } = makePlace()) })

/** A service that never answers takes its twenty seconds beside everything else. */
const silence = { place: { home: '', dir: '' }, answer: Promise.resolve<Answer | undefined>(undefined) }
beforeAll(() => {
  silence.place = makePlace()
  silence.answer = servicesOf(silence.place, ['up', '--native', '--only', 'redis'], { FAKE: 'deaf' })
})
afterAll(async () => {
  await silence.answer
  await servicesOf(silence.place, ['down', '--purge'])
  rmSync(silence.place.home, { recursive: true, force: true })
})
afterEach(async () => {
  await services(['down', '--purge'])
  rmSync(home, { recursive: true, force: true })
})

const services = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Answer> => servicesOf({ home, dir }, args, environment)
const servicesOf = (place: Place, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Answer> => new Promise((resolve) => {
  const env = { ...process.env, EVEGRAM_REDIS_SERVER: join(place.home, 'redis-server'), EVEGRAM_CACHE_DIR: join(place.home, 'cache'), ...environment }
  execFile(process.execPath, [TOOL, ...args, '--dir', place.dir], { env, maxBuffer: MIB }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
  })
})
const up = (...args: readonly string[]): Promise<Answer> => services(['up', '--native', '--only', 'redis', ...args])
const listed = async (): Promise<readonly Listed[]> => (JSON.parse((await services(['status', '--json'])).stdout) as { processes: readonly Listed[] }).processes
const state = (): { readonly processes: readonly (Listed & { readonly log: string })[] } => JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')) as ReturnType<typeof state>

describe('npm run services', () => {
  it('starts what outlives the command, says where it is, and starts nothing twice', async () => {
    const first = await up()
    expect(first.code, first.stderr).toBe(0)
    const [redis] = state().processes
    expect(first.stdout).toBe(`EVEGRAM_REDIS=redis://${redis?.address ?? ''}\n`)
    const second = await up('--json')
    expect(second.code).toBe(0)
    expect(second.stderr).toContain('already up')
    expect((JSON.parse(second.stdout) as ReturnType<typeof state>).processes[0]?.pid).toBe(redis?.pid)
    const { code, stdout } = await services(['status'])
    expect([code, /redis-1 +redis +\d+ +127\.0\.0\.1:\d+ +\d+ MB +ok/.test(stdout)], stdout).toEqual([0, true])
  })

  it('sees a killed process, and starts it again at the same address', async () => {
    await up()
    const [before] = await listed()
    process.kill(before?.pid ?? 0, 'SIGKILL')
    await vi.waitUntil(() => !isRunning(state().processes[0] ?? {}))
    expect((await services(['status'])).code).toBe(1)
    expect((await listed())[0]?.health).toBe('not running')
    expect((await up()).code).toBe(0)
    const [after] = await listed()
    expect(after).toMatchObject({ health: 'ok', address: before?.address })
    expect(after?.pid).not.toBe(before?.pid)
  })

  it('ends exactly what it started, and deletes data only when asked', async () => {
    await up()
    const [redis] = state().processes
    expect((await services(['down'])).code).toBe(0)
    expect(isRunning(redis ?? {})).toBe(false)
    expect([existsSync(join(dir, 'state.json')), existsSync(redis?.log ?? '')]).toEqual([false, true])
    expect((await services(['status'])).code).toBe(1)
    expect((await services(['down', '--purge'])).code).toBe(0)
    expect(existsSync(dir)).toBe(false)
  })

  it('does not touch a process that has the pid of one that is gone', async () => {
    await up()
    const [redis] = state().processes
    process.kill(redis?.pid ?? 0, 'SIGKILL')
    // This process stands for the one that got the pid.
    writeFileSync(join(dir, 'state.json'), readFileSync(join(dir, 'state.json'), 'utf8').replace(`"pid": ${String(redis?.pid)}`, `"pid": ${String(process.pid)}`))
    const { code, stderr } = await services(['down'])
    expect(code).toBe(0)
    expect(stderr).toContain('redis-1 was not running')
  })

  it('shows the end of the log of a service that cannot start, and leaves nothing running', async () => {
    const { code, stderr } = await services(['up', '--native', '--only', 'redis'], { FAKE: 'broken' })
    expect(code).toBe(1)
    expect(stderr).toContain('redis-1 ended while it started')
    expect(stderr).toContain('Fatal error: no such option')
    expect((await services(['status'])).stdout).toBe('nothing is up\n')
  })

  it('does not call up what does not answer', async () => {
    const answer = await silence.answer
    expect(answer?.code).toBe(1)
    expect(answer?.stderr).toContain('redis-1 is not ready after 20 s (no answer within 3000 ms)')
    expect(answer?.stderr).toContain('started')
  })

  it('refuses other settings for what runs, and starts one beside the other in two folders', async () => {
    await up()
    const { code, stderr } = await up('--nodes', '3')
    expect(code).toBe(1)
    expect(stderr).toContain('run "npm run services -- down" first')
    expect((await up('--redis-sync', 'always')).code).toBe(1)
    const other = join(home, 'other')
    const first = dir
    dir = other
    try {
      expect((await up()).code).toBe(0)
      expect(state().processes[0]?.address).not.toBe((JSON.parse(readFileSync(join(first, 'state.json'), 'utf8')) as ReturnType<typeof state>).processes[0]?.address)
    } finally {
      await services(['down', '--purge'])
      dir = first
    }
  })

  it('has a way of saying each wrong usage', async () => {
    for (const args of [[], ['sideways'], ['up', '--nodes', '2'], ['up', '--only', 'mysql'], ['up', '--purge'], ['up', '--nats-sync', 'often'], ['up', '--colour']]) {
      expect((await services(args)).code, args.join(' ')).toBe(2)
    }
    expect((await services(['up', '--only', 'chromium'])).code).toBe(1)
    expect((await services(['--help'])).code).toBe(0)
  })
})
