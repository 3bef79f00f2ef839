import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, temporaryFolder, TestServer, type CommandOptions, type Outcome } from './testing/programs.js'

// About a second for each program that starts; a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000 })

const POLL = { timeout: 120_000, interval: 500 }
const SECRET = 'the lighthouse at nine'

describe('backups, history and export in the terminal, on a real server', () => {
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

  it('backups are made with a recovery code that is shown once, in a file that says nothing', async () => {
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

  it('backups bring history to a new device, which another code does not', async () => {
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

  it('history goes from an old device to a new one of the same account, whose digits a person compared on both, and without them nothing goes or comes', async () => {
    const [tablet] = await done('tablet', ['login', '--wallet', wallet('alice')])
    const device = String(tablet?.['device'])
    const [asked] = await done('tablet', ['history', 'request', '--wait', '0'])
    expect(asked).toMatchObject({ state: 'asked', told: true, device })
    // It ended because the server had it.
    const [waiting] = await done('alice', ['history', 'requests'])
    expect(waiting).toMatchObject({ device, code: expect.stringMatching(/^\d{30}$/) as string, state: 'waiting' })
    const digits = String(waiting?.['code'])
    const shown = (asked?.['codes'] as readonly { readonly device: string; readonly code: string }[]).filter(({ code }) => code === digits)
    expect(shown.length).toBe(1)
    const old = shown[0]?.device ?? ''
    const wrong = digits.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    const approve = (typed: string): Promise<Outcome> => as('alice', ['history', 'approve', device.slice(0, 12), '--code', typed])
    expect(await approve(wrong)).toMatchObject({ code: 2, error: { code: 'invalid.argument' } })
    expect(await as('alice', ['history', 'approve', device.slice(0, 12)])).toMatchObject({ code: 2, error: { code: 'invalid.argument', message: expect.stringContaining('--code') as string } })
    expect(await done('tablet', ['history', 'status'])).toMatchObject([{ state: 'asked' }])
    expect(await done('tablet', ['history', bob])).toEqual([])
    expect(await approve(digits.replace(/.{5}(?=.)/g, '$& '))).toMatchObject({ code: 0, objects: [{ device, state: 'given' }] })
    await expect.poll(async () => {
      await done('alice', ['history', 'requests'])
      return (await as('tablet', ['history', 'request', '--wait', '20'])).objects.at(-1)
    }, POLL).toMatchObject({ state: 'offered', offers: [{ device: old, code: digits, messages: 1 }] })
    expect(await done('tablet', ['history', bob])).toEqual([])
    expect(await as('tablet', ['history', 'confirm', old.slice(0, 12), '--code', wrong])).toMatchObject({ code: 2, error: { code: 'invalid.argument' } })
    expect(await done('tablet', ['history', 'confirm', old.slice(0, 12), '--code', digits])).toMatchObject([{ state: 'done', from: old, messages: 1 }])
    expect((await done('tablet', ['history', bob])).map(({ text }) => text)).toEqual([SECRET])
  })

  it('an export holds what was said, the bytes of files too, once and whole, and no key', async () => {
    const content = randomBytes(100_000)
    writeFileSync(join(folder.path, 'chart.bin'), content)
    await done('alice', ['send', bob, 'the chart', '--file', join(folder.path, 'chart.bin')])
    const exported = join(folder.path, 'alice.ndjson')
    const [told] = await done('alice', ['export', exported, '--files'])
    expect(statSync(exported).mode & 0o777).toBe(0o600)
    const text = readFileSync(exported, 'utf8')
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    expect(lines[0]).toMatchObject({ type: 'export', format: 'evegram-export/1', files: true })
    expect(lines.at(-1)).toEqual({ type: 'end', lines: lines.length, messages: 2 })
    expect(told).toMatchObject({ file: exported, lines: lines.length, messages: 2 })
    const ofType = (type: string): readonly Readonly<Record<string, unknown>>[] => lines.filter((line) => line['type'] === type)
    expect(ofType('message').map((message) => [message['direction'], message['text']])).toEqual([['out', SECRET], ['out', 'the chart']])
    expect([ofType('device').length, ofType('device').filter((line) => line['thisDevice'] === true).length]).toEqual([3, 1])
    // This server has no ledger, and that is said.
    expect(ofType('not_included')).toMatchObject([{ what: 'wallet', code: 'wallet.none' }])
    expect(Buffer.concat(ofType('file').map(({ content: piece }) => Buffer.from(typeof piece === 'string' ? piece : '', 'base64'))).equals(content)).toBe(true)
    const { seed } = JSON.parse(readFileSync(wallet('alice'), 'utf8')) as { readonly seed: string }
    for (const key of [code, seed, Buffer.from(seed, 'base64url').toString('hex'), Buffer.from(seed, 'base64url').toString('base64')]) expect(text).not.toContain(key)
    expect(await as('alice', ['export', exported])).toMatchObject({ code: 2, error: { message: expect.stringContaining('exists already') as string } })
    expect(readFileSync(exported, 'utf8')).toBe(text)
  })
})
