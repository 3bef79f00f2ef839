import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { redisPrimary } from '../services/redis.mjs'
import { killService, startService } from '../services/restart.mjs'

// Sentinels take seconds to miss a primary, and a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const TOOL = fileURLToPath(new URL('../services.mjs', import.meta.url))

interface Noted { readonly name: string, readonly kind: string, readonly address: string }

let dir: string
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'evegram-failover-'))
  expect(await services('up', '--native', '--nodes', '3', '--only', 'redis')).toMatch(/^EVEGRAM_REDIS=sentinel:\/\/127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+\/evegram$/m)
})
afterEach(async () => {
  await services('down', '--purge')
  rmSync(dir, { recursive: true, force: true })
})

const services = (...args: readonly string[]): Promise<string> => new Promise((resolve, reject) => {
  execFile(process.execPath, [TOOL, ...args, '--dir', dir], (error, stdout, stderr) => {
    if (error === null) resolve(stdout)
    else reject(new Error(stderr))
  })
})
const processes = (kind: string): readonly Noted[] =>
  (JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')) as { processes: readonly Noted[] }).processes.filter((noted) => noted.kind === kind)
const primary = async (): Promise<string | undefined> => {
  const address = await redisPrimary(processes('sentinel').map((noted) => noted.address))
  return processes('redis').find((noted) => noted.address === address)?.name
}
/** What a server says that it is; empty while it does not answer. */
const roleOf = (name: string): Promise<string> => new Promise((resolve) => {
  const [host = '', port = ''] = processes('redis').find((noted) => noted.name === name)?.address.split(':') ?? []
  let reply = ''
  const socket = createConnection({ host, port: Number(port) }, () => { socket.end('ROLE\r\nQUIT\r\n') })
  socket.on('data', (bytes) => { reply += String(bytes) })
  socket.on('error', () => { resolve('') })
  socket.on('close', () => { resolve(/\r\n(master|slave)\r\n/.exec(reply)?.[1] ?? '') })
})
async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!await isTrue()) {
    if (performance.now() > deadline) throw new Error('it did not become true in time')
    await delay(100)
  }
}

describe('Redis of three nodes', () => {
  it('stays the primary, and is empty, when it is started again at once; fails over when it stays away, and comes back as a replica', async () => {
    expect(await primary()).toBe('redis-1')
    await killService(dir, 'redis-1')
    await startService(dir, 'redis-1')
    await delay(5_000)
    expect(await primary()).toBe('redis-1')

    await killService(dir, 'redis-1')
    await until(async () => await primary() === 'redis-2')
    await until(async () => await roleOf('redis-2') === 'master')
    await startService(dir, 'redis-1')
    await until(async () => await roleOf('redis-1') === 'slave')

    // The one that took over keeps its role over a restart of its own.
    await killService(dir, 'redis-2')
    await startService(dir, 'redis-2')
    await until(async () => await roleOf('redis-2') === 'master')
    expect(await primary()).toBe('redis-2')
  })
})
