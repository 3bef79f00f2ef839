import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { askPostgres } from '../services/pg-probe.mjs'
import { isRunning, type NotedProcess } from '../services/process-identity.mjs'
import { servicesScene } from './services-scene.fixture.js'

// The real program: made, started, killed and ended here. The first time on a machine it is fetched.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 600_000 })

const ASK_MS = 10_000

const { dir, services, up, state } = servicesScene('postgres')
const url = (): string => state().env['EVEGRAM_POSTGRES'] ?? ''
const server = (): NotedProcess & { readonly address: string } => state().processes[0] ?? { address: '' }
const ask = (query: string): Promise<(string | undefined)[][]> => askPostgres(url(), query, ASK_MS)

describe('PostgreSQL of npm run services', () => {
  it('answers its owner, who may make databases, and syncs before it answers', async () => {
    expect(await ask("SELECT current_user, rolcreatedb, current_database() FROM pg_roles WHERE rolname = current_user")).toEqual([['evegram', 't', 'evegram']])
    expect(await ask("SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses', 'unix_socket_directories', 'data_checksums')"))
      .toEqual([['data_checksums=on fsync=on full_page_writes=on listen_addresses=127.0.0.1 synchronous_commit=on unix_socket_directories=']])
  })

  it('refuses who does not know the password, and keeps that from others', async () => {
    await expect(askPostgres(url().replace(/:[^:@/]+@/, ':guess@'), 'SELECT 1', ASK_MS)).rejects.toThrow('password authentication failed')
    expect(statSync(join(dir(), 'state.json')).mode & 0o077).toBe(0)
    expect(statSync(join(dir(), 'nodes-1', 'layout.json')).mode & 0o077).toBe(0)
  })

  it.runIf(process.platform === 'linux')('does not run as root', () => {
    const [, uid] = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${String(server().pid)}/status`, 'utf8')) ?? []
    expect(Number(uid)).toBe(process.getuid?.() === 0 ? 65_534 : process.getuid?.())
  })

  it('comes back with what it answered for, though it was killed in the middle of a query', async () => {
    await ask('CREATE TABLE kept (number int)')
    await ask('INSERT INTO kept SELECT generate_series(1, 1000)')
    const before = server()
    // Computes without waiting for anything: its process does not notice by itself that its server is gone.
    const busy = ask('SELECT count(*) FROM generate_series(1, 100000000000)').catch((error: unknown) => error)
    await vi.waitUntil(async () => (await ask("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%100000000000%' AND pid <> pg_backend_pid()"))[0]?.[0] === '1', { timeout: ASK_MS })
    process.kill(before.pid ?? 0, 'SIGKILL')
    await vi.waitUntil(() => !isRunning(before))
    await up()
    expect(await ask('SELECT count(*), sum(number) FROM kept')).toEqual([['1000', '500500']])
    expect([server().address, server().pid === before.pid]).toEqual([before.address, false])
    expect(await busy).toBeInstanceOf(Error)
  })

  it('ends at once although clients are connected, and keeps data and password until they are purged', async () => {
    const urlBefore = url()
    const before = server()
    const connected = ask('SELECT pg_sleep(60)').catch((error: unknown) => error)
    await services('down')
    expect(isRunning(before)).toBe(false)
    expect(await connected).toBeInstanceOf(Error)
    await up()
    expect(url()).toBe(urlBefore)
    expect(await ask('SELECT count(*) FROM kept')).toEqual([['1000']])
  })

  it('makes the database again when that was interrupted', async () => {
    await services('down', '--purge')
    const begun = join(dir(), 'nodes-1', 'postgres', 'data.part')
    await up()
    await services('down')
    rmSync(join(dir(), 'nodes-1', 'postgres', 'data'), { recursive: true })
    // What a killed initdb leaves.
    mkdirSync(begun)
    writeFileSync(join(begun, 'PG_VERSION'), '18')
    await up()
    expect(await ask('SELECT current_database()')).toEqual([['evegram']])
  })
})
