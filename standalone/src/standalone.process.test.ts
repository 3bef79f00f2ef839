import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createNodeClient } from '@evegram/sdk/node'
import { createLocalWallet } from '@evegram/sdk'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ask, openSocket, settings, startProgram, temporaryFolder, type ServerProcess } from './testing/server.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** Where it is not about money: a ledger is not made for nothing. */
const CHAT_ALONE = { EVEGRAM_WALLY: 'false' }

// Programs start here; a busy machine may take its time.
vi.setConfig({ testTimeout: 90_000 })

describe('the server as a program', () => {
  const folder = temporaryFolder()
  const programs: ServerProcess[] = []
  const start = (dataDir: string, more: Readonly<Record<string, string>> = {}, args: readonly string[] = []): ServerProcess => {
    const program = startProgram(args, settings(dataDir, more))
    programs.push(program)
    return program
  }
  beforeAll(async () => {
    await promisify(execFile)(process.execPath, [join(root, 'tools/build.mjs'), 'standalone'], { timeout: 200_000 })
  }, 240_000)
  afterEach(async () => {
    for (const { child, ended } of programs.splice(0)) {
      child.kill('SIGKILL')
      await ended
    }
  })
  afterAll(() => folder.remove())

  it('prints one address and what to try, and drains at SIGTERM', async () => {
    const program = start(join(folder.path, 'term'))
    const { ports } = await program.listening()
    const socket = await openSocket(ports.ws)
    program.child.kill('SIGTERM')
    const startedAt = performance.now()
    expect(await program.ended).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    // Told with a close code, which carries advice, and not just cut.
    expect(await socket.closeCode).toBeGreaterThanOrEqual(1_000)
    expect(program.output()).toContain(`http://localhost:${String(ports.http)}`)
    expect(program.output()).toContain('npx evegram chat')
    // Without a page there is nothing to open.
    expect(program.output()).not.toContain('browser')
  })

  it('ends when the process that started it is gone', async () => {
    const program = start(join(folder.path, 'orphan'), { EVEGRAM_QUIET: 'true', ...CHAT_ALONE })
    await program.listening()
    program.child.disconnect()
    expect(await program.ended).toBe(0)
    expect(program.output()).toBe('')
  })

  it('waits a moment for a server that is just ending, and then has its data and ports', async () => {
    const dataDir = join(folder.path, 'handover')
    const first = start(dataDir, CHAT_ALONE)
    const { ports } = await first.listening()
    const second = start(dataDir, { ...CHAT_ALONE, EVEGRAM_HTTP_PORT: String(ports.http), EVEGRAM_WS_PORT: String(ports.ws), EVEGRAM_ADMIN_PORT: String(ports.admin) })
    await new Promise((resolve) => setTimeout(resolve, 500))
    first.child.kill('SIGTERM')
    expect((await second.listening()).ports).toEqual(ports)
    expect(await first.ended).toBe(0)
  })

  it('cannot run (code 2) with a taken port, a wrong setting, a folder in use, and says what to change', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const address = taken.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const holder = start(join(folder.path, 'held'), CHAT_ALONE)
    await holder.listening()
    const cases: [Readonly<Record<string, string>>, string, RegExp][] = [
      [{ EVEGRAM_HTTP_PORT: String(address.port) }, 'p1', new RegExp(`${String(address.port)}.*EVEGRAM_HTTP_PORT`)],
      [{ EVEGRAM_WS_PORT: String(address.port) }, 'p2', /EVEGRAM_WS_PORT/],
      [{ EVEGRAM_ADMIN_PORT: String(address.port) }, 'p3', /EVEGRAM_ADMIN_PORT/],
      [{ EVEGRAM_LOG_LEVEL: 'loud' }, 'p4', /EVEGRAM_LOG_LEVEL/],
      [{}, 'held', new RegExp(`conflict.data_in_use.*process ${String(holder.child.pid)}`)],
    ]
    for (const [more, name, advice] of cases) {
      const program = start(join(folder.path, name), more)
      expect(await program.ended, name).toBe(2)
      expect(program.output()).toMatch(advice)
      expect(program.output(), 'no stack').not.toMatch(/^\s+at /m)
    }
    taken.close()
  })

  it('survives kill -9 with everything, is backed up while it runs, and comes back from the backup as the same server', async () => {
    const dataDir = join(folder.path, 'first')
    const backup = join(folder.path, 'backup')
    const first = start(dataDir)
    const { ports } = await first.listening()
    const same = { EVEGRAM_HTTP_PORT: String(ports.http), EVEGRAM_WS_PORT: String(ports.ws), EVEGRAM_ADMIN_PORT: String(ports.admin) }
    const url = `http://localhost:${String(ports.http)}`
    const people = await Promise.all((['solana', 'terra'] as const).map((chain, index) => createNodeClient({
      url, profile: join(folder.path, `profile-${chain}`), wallet: createLocalWallet(chain, new Uint8Array(32).fill(index + 1)), requests: 'accept-all',
    })))
    const [alice, bob] = people
    if (alice === undefined || bob === undefined) throw new Error('no clients')
    try {
      const conversation = await alice.conversation(bob.address)
      await (await conversation.send('before the backup')).acked
      const copied = await runProgram(['backup', '--to', backup], dataDir)
      expect(copied.code, copied.output).toBe(0)
      expect(readdirSync(backup)).toEqual(expect.arrayContaining(['auth', 'log', 'secrets', 'server.json', 'operator-token', 'backup.json']))
      expect(readdirSync(backup)).not.toContain('lock')
      for (const path of [backup, join(backup, 'log'), join(backup, 'auth'), join(backup, 'secrets')]) expect(statSync(path).mode & 0o777, path).toBe(0o700)
      expect((await runProgram(['backup', '--to', backup], dataDir)).code).toBe(2)
      await (await conversation.send('after the backup')).acked

      first.child.kill('SIGKILL')
      await first.ended
      const second = start(dataDir, same)
      await second.listening()
      const texts: string[] = []
      for await (const message of (await bob.conversation(alice.address)).messages()) {
        texts.push(message.text)
        if (texts.length === 2) break
      }
      expect(texts).toEqual(['before the backup', 'after the backup'])
      second.child.kill('SIGTERM')
      await second.ended
    } finally {
      await Promise.all(people.map((client) => client.close()))
    }

    const restored = join(folder.path, 'restored')
    const put = await runProgram(['restore', '--from', backup], restored)
    expect(put.code, put.output).toBe(0)
    expect((await runProgram(['restore', '--from', backup], restored)).code).toBe(2)
    const third = start(restored, same)
    await third.listening()
    const { serverId } = JSON.parse((await ask(ports.http, '/.well-known/evegram')).body) as { serverId: string }
    expect(serverId).toBe((JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8')) as { serverId: string }).serverId)
    // A new device of bob's reads what was stored before the backup: it has no body for it, but accounts and conversations are there.
    const again = await createNodeClient({ url, profile: join(folder.path, 'profile-terra') })
    try {
      await again.whenSynced()
      const conversation = await again.conversation(alice.address)
      await (await conversation.send('on the restored server')).acked
    } finally {
      await again.close()
    }
  })

  async function runProgram(args: readonly string[], dataDir: string): Promise<{ readonly code: number | string; readonly output: string }> {
    const program = start(dataDir, {}, args)
    const code = await program.ended
    return { code, output: program.output() }
  }
})
