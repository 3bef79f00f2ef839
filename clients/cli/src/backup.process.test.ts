import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, temporaryFolder, TestServer, type CommandOptions, type Outcome } from './testing/programs.js'

// About a second for each program that starts; a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000 })

const SECRET = 'the lighthouse at nine'

describe('backups in the terminal, on a real server', () => {
  const folder = temporaryFolder()
  const server = new TestServer(join(folder.path, 'data'), { EVEGRAM_WALLY: 'false' })
  const wallet = (name: string): string => join(folder.path, `${name}.json`)
  const file = join(folder.path, 'alice.evegram-backup')
  let bob = ''
  let code = ''

  async function as(profile: string, args: readonly string[], options?: CommandOptions): Promise<Outcome> {
    return evegram([...args, '--profile', join(folder.path, profile), '--server', server.url, '--json'], options)
  }
  async function done(profile: string, args: readonly string[], options?: CommandOptions): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const outcome = await as(profile, args, options)
    expect(outcome.code, outcome.stderr).toBe(0)
    return outcome.objects
  }

  beforeAll(async () => {
    await buildPrograms()
    await server.start()
    for (const [name, chain] of [['alice', 'solana'], ['bob', 'ton']] as const) {
      expect((await evegram(['keys', 'new', '--chain', chain, '--out', wallet(name)])).code).toBe(0)
      await done(name, ['login', '--wallet', wallet(name)])
    }
    const [shown] = await done('bob', ['keys', 'show', '--wallet', wallet('bob')])
    bob = String(shown?.['address'])
    await done('alice', ['send', bob, SECRET])
  }, 600_000)
  afterAll(async () => {
    await server.kill()
    folder.remove()
  })

  it('are made with a recovery code that is shown once, in a file that says nothing', async () => {
    const lines = await done('alice', ['backup', 'create', '--to', file])
    code = String(lines[0]?.['recoveryCode'])
    expect(code).toMatch(/^([0-9A-Z]{5}-){6}[0-9A-Z]{5}$/)
    expect(lines[1]).toMatchObject({ messages: 1, file })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file).includes(SECRET)).toBe(false)
    const again = await as('alice', ['backup', 'create', '--to', file])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('exists already')])
    const [status] = await done('alice', ['backup', 'status'])
    expect(status).toMatchObject({ openedWith: ['code'], last: { messages: 1, place: 'file' }, unfinished: false })
    expect(JSON.stringify(status)).not.toContain(code)
  })

  it('bring history to a new device, which another code does not', async () => {
    await done('laptop', ['login', '--wallet', wallet('alice')])
    expect(await done('laptop', ['history', bob])).toEqual([])
    const restore = ['backup', 'restore', '--from', file]
    const wrong = await as('laptop', restore, { environment: { EVEGRAM_RECOVERY_CODE: code.replace(/.$/, (letter) => (letter === '0' ? '1' : '0')) } })
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('invalid.recovery_code')])
    const none = await as('laptop', restore)
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('EVEGRAM_RECOVERY_CODE')])
    expect(await done('laptop', restore, { environment: { EVEGRAM_RECOVERY_CODE: code.toLowerCase() } })).toEqual([expect.objectContaining({ messages: 1, known: 0 })])
    expect((await done('laptop', ['history', bob])).map(({ text }) => text)).toEqual([SECRET])
    expect(await done('laptop', restore, { environment: { EVEGRAM_RECOVERY_CODE: code } })).toEqual([expect.objectContaining({ messages: 0, known: 1 })])
  })
})
