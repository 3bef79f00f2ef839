import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeLocalStore } from './local-store.contract.js'
import { openSqliteStore, readStoredRow, STORE_FILE } from './sqlite.js'
import { SCHEMA_VERSION } from './sqlite-schema.js'

const freshFolder = (): string => mkdtempSync(join(tmpdir(), 'evegram-store-'))

describeLocalStore('sqlite', () => {
  const folder = freshFolder()
  return {
    open: () => openSqliteStore(folder),
    dispose: async () => { rmSync(folder, { recursive: true, force: true }) },
  }
})

describe('sqlite profile', () => {
  let folder: string
  beforeEach(() => {
    folder = freshFolder()
  })
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('makes the folder and its files for their owner alone', async () => {
    const profile = join(folder, 'deep', 'profile')
    const store = await openSqliteStore(profile)
    await store.commit([{ table: 'meta', key: 'a', value: Uint8Array.of(1) }])
    expect(statSync(profile).mode & 0o777).toBe(0o700)
    for (const file of [STORE_FILE, `${STORE_FILE}-wal`, 'profile.lock', 'profile.pid']) expect(statSync(join(profile, file)).mode & 0o077).toBe(0)
    await store.close()
  })

  it('leaves the mode of a folder alone that holds other things', async () => {
    mkdirSync(join(folder, 'home'), { mode: 0o755 })
    writeFileSync(join(folder, 'home', 'letter.txt'), 'x')
    await (await openSqliteStore(join(folder, 'home'))).close()
    expect(statSync(join(folder, 'home')).mode & 0o777).toBe(0o755)
  })

  it('refuses a second opener in this process and names the pid, and opens after close', async () => {
    const first = await openSqliteStore(folder)
    await expect(openSqliteStore(folder)).rejects.toMatchObject({ code: 'conflict.profile_in_use', details: { pid: process.pid } })
    await first.close()
    await (await openSqliteStore(folder)).close()
  })

  it('refuses a database of a newer version and does not touch it', async () => {
    await (await openSqliteStore(folder)).close()
    const raise = new Database(join(folder, STORE_FILE))
    raise.exec(`PRAGMA user_version = ${String(SCHEMA_VERSION + 1)}`)
    raise.close()
    await expect(openSqliteStore(folder)).rejects.toMatchObject({
      code: 'incompatible.schema', details: { found: SCHEMA_VERSION + 1, supported: SCHEMA_VERSION },
    })
    // The refusal gave the lock back: the second attempt fails for the same reason, not for the lock.
    await expect(openSqliteStore(folder)).rejects.toMatchObject({ code: 'incompatible.schema' })
  })

  it('refuses a file that is no database', async () => {
    writeFileSync(join(folder, STORE_FILE), 'this is not a database, and it is long enough to be read as a header of one '.repeat(20))
    await expect(openSqliteStore(folder)).rejects.toMatchObject({ code: 'client.store' })
  })

  it('is read beside its owner, without lock and without making anything', async () => {
    const nowhere = join(folder, 'nowhere')
    expect(await readStoredRow(nowhere, 'meta', 'a')).toBeUndefined()
    expect(existsSync(nowhere)).toBe(false)
    writeFileSync(join(folder, STORE_FILE), '')
    expect(await readStoredRow(folder, 'meta', 'a')).toBeUndefined()
    const store = await openSqliteStore(folder)
    await store.commit([{ table: 'meta', key: 'a', value: Uint8Array.of(1) }])
    expect(await readStoredRow(folder, 'meta', 'a')).toEqual(Uint8Array.of(1))
    expect(await readStoredRow(folder, 'meta', 'b')).toBeUndefined()
    await store.commit([{ table: 'meta', key: 'a', value: Uint8Array.of(2) }])
    await store.close()
    expect(await readStoredRow(folder, 'meta', 'a')).toEqual(Uint8Array.of(2))
    await (await openSqliteStore(folder)).close()
  })

  it('opens and closes while it is read all the time', async () => {
    await (await openSqliteStore(folder)).close()
    let reading = true
    const reader = (async () => {
      while (reading) {
        await readStoredRow(folder, 'meta', 'a')
        await new Promise((resolve) => { setImmediate(resolve) })
      }
    })()
    for (let turn = 0; turn < 20; turn++) {
      const store = await openSqliteStore(folder)
      await store.commit([{ table: 'meta', key: 'a', value: Uint8Array.of(turn) }])
      await store.close()
    }
    reading = false
    await reader
    expect(await readStoredRow(folder, 'meta', 'a')).toEqual(Uint8Array.of(19))
  })

  it('overwrites removed rows in the database file', async () => {
    const secret = new TextEncoder().encode('a prekey that must be forgotten')
    const store = await openSqliteStore(folder)
    await store.commit([{ table: 'prekeys', key: '1', value: secret }])
    await store.commit([{ table: 'prekeys', key: '1', value: undefined }])
    await store.close()
    expect(readFileSync(join(folder, STORE_FILE)).includes('must be forgotten')).toBe(false)
  })
})

/** Starts a process that opens the profile and says on stdout what it did; see `testing/store-writer.ts`. */
function startWriter(folder: string, mode: 'write' | 'hold', from = 0): ReturnType<typeof spawn> {
  const script = fileURLToPath(new URL('./testing/store-writer.ts', import.meta.url))
  // The paths of that file let the child run on sources too, without a build.
  const paths = fileURLToPath(new URL('../../../../tsconfig.lint.json', import.meta.url))
  return spawn(process.execPath, ['--import', 'tsx', script, folder, mode, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TSX_TSCONFIG_PATH: paths },
  })
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const line = await lines.next()
  return line.done === true ? 'end' : line.value
}

describe('sqlite profile among processes', () => {
  let folder: string
  beforeEach(() => {
    folder = freshFolder()
  })
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('names the pid of another process that holds it, and takes over at once when that is killed', async () => {
    const holder = startWriter(folder, 'hold')
    if (holder.stdout === null) throw new Error('no output')
    const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]()
    expect(await nextLine(lines)).toBe('open')
    await expect(openSqliteStore(folder)).rejects.toMatchObject({ code: 'conflict.profile_in_use', details: { pid: holder.pid } })
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    await (await openSqliteStore(folder)).close()
  })

  it('lets exactly one of many processes in that start together', async () => {
    const takers = Array.from({ length: 6 }, () => startWriter(folder, 'hold'))
    const answers = await Promise.all(takers.map(async (taker) => {
      if (taker.stdout === null) throw new Error('no output')
      return nextLine(createInterface({ input: taker.stdout })[Symbol.asyncIterator]())
    }))
    const winner = takers[answers.indexOf('open')]
    for (const taker of takers) taker.kill('SIGKILL')
    expect(answers.filter((answer) => answer === 'open')).toHaveLength(1)
    expect(answers.filter((answer) => answer === `conflict.profile_in_use ${String(winner?.pid)}`)).toHaveLength(5)
  })

  it('has every resolved commit whole, and no part of another, after each of ten kills', async () => {
    let next = 0
    for (let round = 0; round < 10; round++) {
      const writer = startWriter(folder, 'write', next)
      if (writer.stdout === null) throw new Error('no output')
      let resolved = next - 1
      const killAfter = next + 20 + ((round * 37) % 60)
      for await (const line of createInterface({ input: writer.stdout })) {
        if (/^\d+$/.test(line)) resolved = Number(line)
        if (resolved >= killAfter) writer.kill('SIGKILL')
      }
      const store = await openSqliteStore(folder)
      const rows = await store.list('messages', { limit: 1_000_000 })
      const byCommit = new Map<string, number>()
      for (const { key } of rows) byCommit.set(key.slice(0, 8), (byCommit.get(key.slice(0, 8)) ?? 0) + 1)
      // Each commit wrote three rows of `messages` and one of `chains`, and removed its row of `outbox`.
      expect([...byCommit.values()].every((count) => count === 3)).toBe(true)
      const last = byCommit.size - 1
      expect(last).toBeGreaterThanOrEqual(resolved)
      expect(byCommit.has(String(last).padStart(8, '0'))).toBe(true)
      expect(await store.list('chains', { limit: 1_000_000 })).toHaveLength(byCommit.size)
      next = last + 1
      await store.close()
    }
    expect(next).toBeGreaterThan(200)
  })
})
