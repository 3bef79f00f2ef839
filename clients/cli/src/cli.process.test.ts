import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, startEvegram, temporaryFolder, TestServer, type CommandOptions, type Outcome } from './testing/programs.js'

/** What nobody but the two people may ever see. */
const SECRET = 'meet me at the lighthouse at nine'
const MESSAGE_KEYS = ['from', 'fromDevice', 'messageId', 'order', 'sentAt', 'text']

// About a second each on an idle machine, most of it programs that start; a busy one may take its time.
vi.setConfig({ testTimeout: 120_000 })

interface Person {
  readonly name: string
  readonly chain: string
  readonly wallet: string
  readonly profile: string
  address: string
  device: string
}

/** What a line says on both sides: how far a message got is told to its sender alone. */
const saidOf = ({ delivery: _delivery, receipts: _receipts, ...said }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => said

describe('the terminal client and a server, as processes', () => {
  const folder = temporaryFolder()
  const server = new TestServer(join(folder.path, 'data'), { EVEGRAM_WALLY: 'false' })
  const person = (name: string, chain: string): Person => ({
    name, chain, wallet: join(folder.path, `${name}.json`), profile: join(folder.path, name), address: '', device: '',
  })
  const alice = person('alice', 'solana')
  const bob = person('bob', 'ton')
  const carol = person('carol', 'terra')
  const people = [alice, bob, carol]

  const as = (who: Person, args: readonly string[], options?: CommandOptions): Promise<Outcome> =>
    evegram([...args, '--profile', who.profile, '--server', server.url, '--json'], options)

  async function signIn(who: Person): Promise<void> {
    const { code, objects: [object] } = await as(who, ['login', '--wallet', who.wallet])
    expect(code).toBe(0)
    who.address = String(object?.['address'])
    who.device = String(object?.['device'])
  }

  async function say(from: Person, to: Person, text: string): Promise<Outcome> {
    const outcome = await as(from, ['send', to.address, text])
    expect(outcome.code, outcome.stderr).toBe(0)
    return outcome
  }

  /** A login at something that never answers: it takes its ten seconds beside everything else. */
  const silence = { listener: createServer((socket) => socket.on('error', () => undefined)), outcome: Promise.resolve<Outcome | undefined>(undefined) }

  beforeAll(async () => {
    await buildPrograms()
    await server.start()
    await new Promise<void>((resolve) => silence.listener.listen(0, '127.0.0.1', resolve))
    const { port } = silence.listener.address() as AddressInfo
    await Promise.all(people.map(async (who) => {
      expect((await evegram(['keys', 'new', '--chain', who.chain, '--out', who.wallet])).code).toBe(0)
      await signIn(who)
    }))
    const silent = ['--profile', join(folder.path, 'silent'), '--server', `http://localhost:${String(port)}`, '--json']
    silence.outcome = evegram(['login', '--wallet', alice.wallet, ...silent])
  }, 240_000)

  afterAll(async () => {
    // Its profile is in the folder that goes.
    await silence.outcome
    silence.listener.close()
    await server.kill('SIGTERM')
    folder.remove()
  })

  it('shows chain and address of a wallet file, and the same address after signing in', async () => {
    const shown = await Promise.all(people.map(({ wallet }) => evegram(['keys', 'show', '--wallet', wallet, '--json'])))
    expect(shown.map(({ objects }) => objects)).toEqual(people.map(({ chain, address }) => [{ chain, address }]))
    expect(alice.address).toMatch(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/)
    expect(bob.address).toMatch(/^[UE]Q[0-9A-Za-z_-]{46}$/)
    expect(carol.address).toMatch(/^terra1[0-9a-z]{38}$/)
  })

  it('carries messages between wallets of all three chains, both ways, each shown once and in one order on both sides', async () => {
    const sent = await say(alice, bob, SECRET)
    const [object] = sent.objects
    expect(Object.keys(object ?? {}).sort()).toEqual(['acked', 'conversation', 'messageId'])
    const id = expect.stringMatching(/^[0-9a-f]{32}$/) as string
    expect(object).toMatchObject({ messageId: id, conversation: id, acked: true })
    // One profile is one process at a time: each person says their things one after the other.
    await Promise.all([
      say(bob, alice, 'bob to alice').then(() => say(bob, carol, 'bob to carol')),
      say(carol, alice, 'carol to alice').then(() => say(carol, bob, 'carol to bob')),
      say(alice, carol, 'alice to carol'),
    ])
    const pairs = [
      [alice, bob, [SECRET, 'bob to alice']], [alice, carol, ['alice to carol', 'carol to alice']], [bob, carol, ['bob to carol', 'carol to bob']],
    ] as const
    for (const [left, right, texts] of pairs) {
      const [a, b] = await Promise.all([as(left, ['history', right.address]), as(right, ['history', left.address])])
      expect(a.code).toBe(0)
      expect(a.objects.map(saidOf)).toEqual(b.objects.map(saidOf))
      expect(a.objects.map(({ text }) => text).sort()).toEqual([...texts].sort())
      const orders = a.objects.map(({ order }) => BigInt(String(order)))
      expect(orders).toEqual([...orders].sort((one, two) => (one < two ? -1 : 1)))
      for (const message of a.objects) {
        expect(Object.keys(saidOf(message)).sort()).toEqual(MESSAGE_KEYS)
        const sender = message['from'] === left.address ? left : right
        expect(message).toMatchObject({ from: sender.address, fromDevice: sender.device, order: expect.stringMatching(/^\d+$/) as string })
        expect(new Date(String(message['sentAt'])).toISOString()).toBe(message['sentAt'])
      }
    }
  })

  it('listens to what arrived since the last time, and then to nothing twice', async () => {
    const first = await as(carol, ['listen', '--count', '2'])
    expect(first.code).toBe(0)
    expect(first.objects.map(({ text }) => text).sort()).toEqual(['alice to carol', 'bob to carol'])
    for (const message of first.objects) expect(Object.keys(message).sort()).toEqual(MESSAGE_KEYS)
    const listening = as(carol, ['listen', '--count', '1'])
    await say(alice, carol, 'a new one')
    expect((await listening).objects.map(({ text }) => text)).toEqual(['a new one'])
    const again = await as(carol, ['listen', '--all', '--own', '--count', '5'])
    expect(again.objects).toHaveLength(5)
    expect(again.objects[0]).toHaveProperty('conversation')
  })

  it('takes the common options before the command, and sets no option for the text', async () => {
    const sent = await evegram(['--json', '--server', server.url, '--profile', alice.profile, 'send', bob.address, '--', '--json is a word'])
    expect(sent.objects).toMatchObject([{ acked: true }])
    const piped = await as(alice, ['send', bob.address, '-'], { input: 'two\nlines\n' })
    expect(piped.code).toBe(0)
    const { objects } = await as(bob, ['history', alice.address, '--limit', '2'])
    expect(objects.map(({ text }) => text)).toEqual(['--json is a word', 'two\nlines'])
  })

  it('chats through a pipe: sends every line, skips empty ones, waits until all are stored, shows the past', async () => {
    const chat = await as(bob, ['chat', carol.address], { input: 'first line\n\nsecond line' })
    expect(chat.code, chat.stderr).toBe(0)
    expect(chat.objects.map(({ text }) => text)).toContain('carol to bob')
    const { objects } = await as(carol, ['history', bob.address])
    expect(objects.slice(-2).map(({ text }) => text)).toEqual(['first line', 'second line'])
  })

  it('says that nobody signed in with an address, and what is no address', async () => {
    const stranger = join(folder.path, 'stranger.json')
    const { objects: [made] } = await evegram(['keys', 'new', '--chain', 'terra', '--out', stranger, '--json'])
    const [unknown, nonsense, empty] = await Promise.all([
      as(alice, ['send', String(made?.['address']), 'hello?']), as(bob, ['send', 'terra1nonsense', 'hello?']), as(carol, ['send', bob.address, '']),
    ])
    expect(unknown).toMatchObject({ code: 6, error: { code: 'account.not_found' }, stdout: '' })
    expect(nonsense).toMatchObject({ code: 2, error: { code: 'invalid.address' } })
    expect(empty).toMatchObject({ code: 2, error: { code: 'invalid.argument' } })
    expect(await as(alice, ['send', bob.address, 'x'.repeat(32_769)])).toMatchObject({ code: 1, error: { code: 'too_large.payload' } })
  })

  it('lets one process use a profile, and names it to the second', async () => {
    const listening = startEvegram(['listen', '--profile', bob.profile, '--server', server.url])
    try {
      await new Promise<void>((resolve, reject) => {
        listening.stderr?.on('data', (text: Buffer) => { if (String(text).includes('Listening')) resolve() })
        listening.once('exit', () => reject(new Error('listen ended')))
      })
      expect(await as(bob, ['devices'])).toMatchObject({ code: 7, error: { code: 'conflict.profile_in_use', details: { pid: listening.pid } } })
      const ended = new Promise((resolve) => listening.once('exit', resolve))
      listening.kill('SIGINT')
      expect(await ended).toBe(130)
    } finally {
      listening.kill('SIGKILL')
    }
    expect((await as(bob, ['devices'])).code).toBe(0)
  })

  it('keeps two devices of one person in step, agrees on the safety number, and revokes a device for ever', async () => {
    const second: Person = { ...bob, profile: join(folder.path, 'bob-2') }
    await signIn(second)
    expect(second.device).not.toBe(bob.device)
    await say(alice, bob, 'to both of you')
    await say(second, alice, 'from my second')
    const [one, two] = await Promise.all([as(bob, ['history', alice.address]), as(second, ['history', alice.address])])
    expect(one.objects.slice(-2).map(({ text }) => text)).toEqual(['to both of you', 'from my second'])
    expect(two.objects.map(({ text }) => text)).toEqual(['to both of you', 'from my second'])

    const [hers, his] = await Promise.all([as(alice, ['verify', bob.address]), as(bob, ['verify', alice.address])])
    expect(hers.objects[0]?.['safetyNumber']).toMatch(/^\d{60}$/)
    expect(his.objects[0]?.['safetyNumber']).toBe(hers.objects[0]?.['safetyNumber'])
    expect([...hers.objects[0]?.['devices'] as string[]].sort()).toEqual([bob.device, second.device].sort())
    expect((await as(alice, ['verify', bob.address, '--mark'])).objects[0]).toMatchObject({ verified: true })

    expect(await as(bob, ['devices', 'revoke', 'abcdef'])).toMatchObject({ code: 2, error: { code: 'invalid.argument' } })
    const listening = as(second, ['listen', '--count', '99'])
    const revoked = await as(bob, ['devices', 'revoke', second.device.slice(0, 12)])
    expect(revoked.objects).toEqual([{ device: second.device, active: false }])
    expect((await listening).code).toBe(3)
    expect((await as(second, ['send', alice.address, 'am I still here?'])).code).toBe(3)
    const { objects: devices } = await as(bob, ['devices'])
    expect(devices).toContainEqual(expect.objectContaining({ device: second.device, active: false, thisDevice: false }))
    expect(devices).toContainEqual(expect.objectContaining({ device: bob.device, active: true, thisDevice: true }))
  })

  it('links a wallet of another chain, carries messages to its address, and unlinks it', async () => {
    const extra = join(folder.path, 'carol-ton.json')
    const { objects: [made] } = await evegram(['keys', 'new', '--chain', 'ton', '--out', extra, '--json'])
    const address = String(made?.['address'])
    expect((await as(carol, ['wallets', 'link', '--new-wallet', extra])).objects).toEqual([{ address, linked: true }])
    expect((await as(carol, ['wallets'])).objects).toContainEqual({ address, chain: 'ton', founding: false, active: true })
    expect((await as(alice, ['send', address, 'to your other wallet'])).objects).toMatchObject([{ acked: true }])
    const { objects } = await as(carol, ['history', alice.address])
    expect(objects.at(-1)).toMatchObject({ text: 'to your other wallet', from: alice.address })
    expect((await as(carol, ['wallets', 'unlink', address])).objects).toEqual([{ address, linked: false }])
    expect((await as(alice, ['send', address, 'gone?'])).code).toBe(6)
  })

  it('answers as an echo account, and the echo ends with the process that started it', async () => {
    const profile = join(folder.path, 'echo')
    const echo = startEvegram(['echo', '--new-wallet', '--profile', profile, '--server', server.url, '--json'])
    try {
      const address = await new Promise<string>((resolve, reject) => {
        echo.stdout?.on('data', (text: Buffer) => resolve((JSON.parse(String(text)) as { address: string }).address))
        echo.once('exit', () => reject(new Error('echo ended')))
      })
      expect((await as(alice, ['send', address, 'is anybody there?'])).code).toBe(0)
      const { objects } = await as(alice, ['listen', '--count', '4'])
      expect(objects.at(-1)).toMatchObject({ from: address, text: 'is anybody there?' })
      const ended = new Promise((resolve) => echo.once('exit', resolve))
      echo.kill('SIGTERM')
      expect(await ended).toBe(0)
      expect(filesWith(profile, 'is anybody there?')).toEqual([])
    } finally {
      echo.kill('SIGKILL')
    }
  })

  it('says in one word per finding whether the way to the server is clear', async () => {
    const clear = await as(alice, ['doctor'])
    expect(clear.code).toBe(0)
    expect(clear.objects.map(({ check, ok }) => [check, ok])).toEqual(
      ['Node', 'server', 'protocol', 'clock', 'TLS', 'WebSocket', 'profile'].map((check) => [check, true]),
    )
    const wrong = await evegram(['doctor', '--server', 'http://localhost:9', '--profile', alice.profile, '--json'])
    expect(wrong.code).toBe(4)
    expect(wrong.objects).toContainEqual(expect.objectContaining({ check: 'server', ok: false, fix: expect.stringContaining('npm start') as string }))
  })

  it('tells a wrong command line from a failure', async () => {
    const answers = await Promise.all([
      evegram(['--version']), evegram(['listen', '--count', 'many', '--json']), evegram(['sned']),
      evegram(['devices', '--profile', join(folder.path, 'nobody'), '--json']),
    ])
    expect(answers.map(({ code }) => code)).toEqual([0, 2, 2, 3])
    expect(answers[0]?.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect(answers[1]?.error).toMatchObject({ code: 'invalid.argument' })
  })

  it('loads no client for help, and for a mistake', async () => {
    const sdkParts = async (...args: readonly string[]): Promise<number> => {
      // Node writes the scripts that it loaded there.
      const coverage = mkdtempSync(join(folder.path, 'loaded-'))
      await evegram(args, { environment: { NODE_V8_COVERAGE: coverage } })
      return readdirSync(coverage).flatMap((name) => readFileSync(join(coverage, name), 'utf8').match(/file:[^"]*\/sdk\/dist\//g) ?? []).length
    }
    const [help, about, mistake, wallet] = await Promise.all([sdkParts('--help'), sdkParts('send', '--help'), sdkParts('sned'), sdkParts('keys', 'show', '--wallet', alice.wallet)])
    expect([help, about, mistake]).toEqual([0, 0, 0])
    expect(wallet).toBeGreaterThan(10)
  })

  it('loses nothing when the server is killed in the middle, and never hangs while it is away', async () => {
    await say(alice, bob, 'before the crash')
    await server.kill()
    const started = performance.now()
    const queued = await as(alice, ['send', bob.address, 'into the dark', '--wait', '1'])
    expect(queued).toMatchObject({ code: 4, objects: [{ acked: false, messageId: expect.any(String) as string }] })
    expect(performance.now() - started).toBeLessThan(20_000)
    expect((await as(alice, ['login', '--wallet', alice.wallet])).code).toBe(0)
    const stranger = { ...alice, profile: join(folder.path, 'fresh') }
    expect(await as(stranger, ['login', '--wallet', alice.wallet])).toMatchObject({ code: 4, error: { code: 'unavailable.server' } })
    await server.start()
    // Any command that is online takes along what waits.
    expect((await as(alice, ['devices'])).code).toBe(0)
    await say(bob, alice, 'after the crash')
    const [hers, his] = await Promise.all([as(alice, ['history', bob.address]), as(bob, ['history', alice.address])])
    expect(hers.objects.map(saidOf)).toEqual(his.objects.map(saidOf))
    const texts = his.objects.map(({ text }) => text)
    expect(texts.slice(-3)).toEqual(['before the crash', 'into the dark', 'after the crash'])
    expect(texts[0]).toBe(SECRET)
    expect(new Set(his.objects.map(({ messageId }) => messageId)).size).toBe(his.objects.length)
  })

  it('ends within its time when something accepts connections and never answers', async () => {
    expect(await silence.outcome).toMatchObject({ code: 4, error: { code: 'timeout' } })
  })

  it('leaves no plaintext in the files of the server or of somebody else', () => {
    // The search itself can find something: the words are in the profiles of the two people.
    expect(filesWith(alice.profile, SECRET)).not.toEqual([])
    expect(filesWith(bob.profile, SECRET)).not.toEqual([])
    expect(statSync(join(server.dataDir, 'server.log')).size).toBeGreaterThan(1_000)
    expect(filesWith(server.dataDir, SECRET)).toEqual([])
    expect(filesWith(carol.profile, SECRET)).toEqual([])
  })

  it('keeps profiles and wallet files to their owner', () => {
    for (const path of [alice.profile, server.dataDir, ...foldersIn(server.dataDir)]) {
      expect((statSync(path).mode & 0o777).toString(8), path).toBe('700')
    }
    for (const path of [alice.wallet, ...filesIn(alice.profile), ...filesIn(server.dataDir)]) {
      expect((statSync(path).mode & 0o077).toString(8), path).toBe('0')
    }
  })

  it('refuses a damaged wallet file and a damaged profile with what to do', async () => {
    const damaged = join(folder.path, 'damaged.json')
    writeFileSync(damaged, '{"format":"evegram-wallet/1"')
    expect(await evegram(['keys', 'show', '--wallet', damaged, '--json'])).toMatchObject({ code: 1, error: { code: 'invalid.wallet_file' } })
    writeFileSync(join(alice.profile, 'profile.json'), '{')
    expect(await evegram(['devices', '--profile', alice.profile, '--json'])).toMatchObject({ code: 1, error: { code: 'invalid.config' } })
  })
})

function entriesOf(folder: string): { readonly path: string; readonly isFile: boolean }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => ({ path: join(entry.parentPath, entry.name), isFile: entry.isFile() }))
}

function filesIn(folder: string): string[] {
  return entriesOf(folder).filter(({ isFile }) => isFile).map(({ path }) => path)
}

function foldersIn(folder: string): string[] {
  return entriesOf(folder).filter(({ isFile }) => !isFile).map(({ path }) => path)
}

/** Files that hold `text` as UTF-8, UTF-16, base64 or hex: LMDB and SQLite keep values as they were given. */
function filesWith(folder: string, text: string): string[] {
  const utf8 = Buffer.from(text, 'utf8')
  const forms = [utf8, Buffer.from(text, 'utf16le'), Buffer.from(utf8.toString('hex')), Buffer.from(utf8.toString('base64').slice(0, -4))]
  return filesIn(folder).filter((path) => {
    const bytes = readFileSync(path)
    return forms.some((form) => bytes.includes(form))
  })
}
