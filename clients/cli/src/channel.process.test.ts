import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, startEvegram, temporaryFolder, TestServer, type CommandOptions, type Outcome } from './testing/programs.js'

// About a second for each program that starts; a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000 })

interface Person {
  readonly name: string
  readonly chain: string
  address: string
}

type Line = Readonly<Record<string, unknown>>

const SECRET = 'the lighthouse at nine'
const NAME = 'North gate news'

describe('channels in the terminal, on a real server', () => {
  const folder = temporaryFolder()
  const server = new TestServer(join(folder.path, 'data'), { EVEGRAM_WALLY: 'false' })
  const [alice, bob, carol]: [Person, Person, Person] = [
    { name: 'alice', chain: 'solana', address: '' }, { name: 'bob', chain: 'ton', address: '' }, { name: 'carol', chain: 'terra', address: '' },
  ]
  let id = ''
  let link = ''

  const argsOf = (who: Person, args: readonly string[]): string[] =>
    ['channel', ...args, '--profile', join(folder.path, who.name), '--server', server.url, '--json']
  /** What a command leaves behind. No link is ever printed, unless it was asked for. */
  async function as(who: Person, args: readonly string[], options?: CommandOptions): Promise<Outcome> {
    const outcome = await evegram(argsOf(who, args), options)
    const key = link.split('#')[1]
    if (key !== undefined && args[0] !== 'link') expect(`${outcome.stdout}${outcome.stderr}`).not.toContain(key)
    return outcome
  }
  async function channel(who: Person, ...args: readonly string[]): Promise<readonly Line[]> {
    const outcome = await as(who, args)
    expect(outcome.code, outcome.stderr).toBe(0)
    return outcome.objects
  }
  const texts = async (who: Person): Promise<unknown[]> => (await channel(who, 'read', NAME)).map((post) => post['text'])

  /** Starts `watch`; `next` resolves with its next line, `end` with the exit code after Ctrl-C. */
  function watching(who: Person, ...args: readonly string[]): { next(): Promise<Line>; end(): Promise<number | null> } {
    const child = startEvegram(argsOf(who, ['watch', ...args]))
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
    if (child.stdout === null) throw new Error('watch has no standard output')
    const lines: AsyncIterator<string, undefined> = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return {
      next: async () => {
        const line = await lines.next()
        if (line.done === true) throw new Error('watch ended')
        return JSON.parse(line.value) as Line
      },
      end: () => {
        child.kill('SIGINT')
        return ended
      },
    }
  }

  beforeAll(async () => {
    await buildPrograms()
    await server.start()
    for (const who of [alice, bob, carol]) {
      const wallet = join(folder.path, `${who.name}.json`)
      expect((await evegram(['keys', 'new', '--chain', who.chain, '--out', wallet])).code).toBe(0)
      const signedIn = await evegram(['login', '--wallet', wallet, '--profile', join(folder.path, who.name), '--server', server.url, '--json'])
      expect(signedIn.code, signedIn.stderr).toBe(0)
      who.address = String(signedIn.objects[0]?.['address'])
    }
  }, 240_000)

  afterAll(async () => {
    await server.kill('SIGTERM')
    folder.remove()
  })

  it('founds a channel, whose link lets others read what was posted before they came', async () => {
    const [founded] = await channel(alice, 'create', NAME, bob.address)
    expect(founded).toMatchObject({ name: NAME, role: 'owner', authors: 2 })
    id = String(founded?.['channel'])
    link = String(founded?.['link'])
    expect(link).toMatch(new RegExp(`^evegram:[^/]+/channel/${id}#[0-9a-f]{64}$`))
    expect(await channel(alice, 'link', NAME)).toEqual([{ channel: id, link }])
    const [posted] = await channel(alice, 'post', NAME, SECRET)
    expect(posted).toEqual({ channel: id, seq: expect.any(Number) as number, acked: true })

    expect(await channel(carol, 'follow', link)).toMatchObject([{ channel: id, name: NAME, role: null, authors: 2 }])
    const [read, ...others] = await channel(carol, 'read', NAME)
    expect(others).toEqual([])
    expect(Object.keys(read ?? {})).toEqual(['channel', 'seq', 'from', 'text', 'sentAt', 'name'])
    expect(read).toMatchObject({ channel: id, seq: posted?.['seq'], from: alice.address, text: SECRET, name: NAME })
    expect(new Date(String(read?.['sentAt'])).toISOString()).toBe(read?.['sentAt'])
    expect(await channel(carol, 'list')).toEqual([{ channel: id, name: NAME, role: null, authors: 2, seq: posted?.['seq'] }])
  })

  it('reads a link from standard input, follows once however often it is told to, and takes the text of a post from there', async () => {
    for (let times = 1; times <= 2; times++) {
      const followed = await as(bob, ['follow', '-'], { input: `${link}\n` })
      expect(followed.code, followed.stderr).toBe(0)
      expect(followed.objects).toMatchObject([{ channel: id, role: 'member' }])
    }
    expect(await channel(bob, 'list')).toHaveLength(1)
    const piped = await as(bob, ['post', id.slice(0, 8), '-'], { input: 'two\nlines\n' })
    expect(piped.code, piped.stderr).toBe(0)
    for (const read of await Promise.all([alice, bob, carol].map(texts))) expect(read).toEqual([SECRET, 'two\nlines'])
  })

  it('gives posts of authors who post at the same time one order, the same for everybody', async () => {
    const numbers = [1, 2, 3]
    await Promise.all([alice, bob].map(async (who) => {
      for (const number of numbers) await channel(who, 'post', NAME, `${who.name} ${String(number)}`)
    }))
    const [hers, his, theirs] = await Promise.all([channel(alice, 'read', NAME), channel(bob, 'read', NAME), channel(carol, 'read', NAME)])
    expect(his).toEqual(hers)
    expect(theirs).toEqual(hers)
    const seqs = hers.map(({ seq }) => Number(seq))
    expect(seqs).toEqual([...new Set(seqs)].sort((left, right) => left - right))
    for (const who of [alice, bob]) {
      const own = hers.filter(({ from, text }) => from === who.address && String(text).startsWith(who.name)).map(({ text }) => text)
      expect(own).toEqual(numbers.map((number) => `${who.name} ${String(number)}`))
    }
    const [, , third] = seqs
    expect((await channel(carol, 'read', NAME, '--after', String(third), '--limit', '2')).map(({ seq }) => seq)).toEqual(seqs.slice(3, 5))
    expect((await channel(carol, 'read', NAME, '--limit', '2')).map(({ seq }) => seq)).toEqual(seqs.slice(-2))
    expect(await channel(carol, 'read', NAME, '--after', String(seqs.at(-1)))).toEqual([])
  })

  it('watches from a number on, then live, through a crash of the server, each post once', async () => {
    const before = await channel(carol, 'read', NAME, '--limit', '2')
    const watch = watching(carol, '--after', String(Number(before[1]?.['seq']) - 1), NAME)
    try {
      expect(await watch.next()).toEqual(before[1])
      await channel(alice, 'post', NAME, 'before the crash')
      expect(await watch.next()).toMatchObject({ text: 'before the crash', from: alice.address, name: NAME })
      await server.kill()
      const queued = await as(bob, ['post', NAME, 'while it was away', '--wait', '1'])
      expect([queued.code, queued.objects]).toEqual([4, [{ channel: id, acked: false }]])
      await server.start()
      // The next command brings out what waits: once.
      await channel(bob, 'list')
      expect(await watch.next()).toMatchObject({ text: 'while it was away', from: bob.address })
      await channel(alice, 'post', NAME, 'after the crash')
      expect(await watch.next()).toMatchObject({ text: 'after the crash' })
    } finally {
      expect(await watch.end()).toBe(130)
    }
    expect((await texts(carol)).slice(-3)).toEqual(['before the crash', 'while it was away', 'after the crash'])
  })

  it('lets nobody post who is no author, and nobody who is none any more', async () => {
    expect((await as(carol, ['post', NAME, 'me too'])).error?.code).toBe('denied.not_author')
    await channel(alice, 'add', NAME, carol.address)
    await channel(carol, 'post', NAME, 'welcome carol')
    const roles = async (): Promise<unknown[]> => (await channel(bob, 'authors', NAME)).map(({ address, role }) => `${String(address)} ${String(role)}`).sort()
    expect(await roles()).toEqual([`${alice.address} owner`, `${bob.address} member`, `${carol.address} member`].sort())
    expect(await channel(alice, 'remove', NAME, carol.address)).toMatchObject([{ channel: id, authors: 2 }])
    const refused = await as(carol, ['post', NAME, 'still here?'])
    expect([refused.code, refused.error?.code]).toEqual([1, 'denied.not_author'])
    await channel(alice, 'post', NAME, 'without carol')
    // Who has the link goes on reading.
    expect((await texts(carol)).slice(-2)).toEqual(['welcome carol', 'without carol'])
  })

  it('has roles, and an owner as long as it has authors; who left follows no more', async () => {
    expect((await as(bob, ['remove', NAME, alice.address])).error?.code).toBe('group.role')
    expect((await as(alice, ['leave', NAME])).error?.code).toBe('group.last_owner')
    await channel(alice, 'role', NAME, bob.address, 'owner')
    expect(await channel(alice, 'leave', NAME)).toEqual([{ channel: id, name: NAME }])
    expect(await channel(alice, 'list')).toEqual([])
    expect(await channel(bob, 'authors', NAME)).toMatchObject([{ address: bob.address, role: 'owner' }])
    expect(await channel(carol, 'leave', NAME)).toEqual([{ channel: id, name: NAME }])
    expect(await channel(carol, 'list')).toEqual([])
    // It never was a conversation of the one who made it.
    expect((await as(alice, ['read', NAME])).error?.code).toBe('invalid.argument')
  })

  it('keeps names, texts and the key from the server, whose files hold none of them', () => {
    const files = readdirSync(join(folder.path, 'data'), { recursive: true, encoding: 'utf8' }).map((file) => join(folder.path, 'data', file))
    const whole = files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file))
    expect(whole.length).toBeGreaterThan(3)
    const key = link.split('#')[1] ?? ''
    expect(key).toHaveLength(64)
    for (const bytes of whole) for (const secret of [SECRET, NAME, 'without carol', key, Buffer.from(key, 'hex')]) expect(bytes.includes(secret)).toBe(false)
  })

  it('says what is wrong with a command', async () => {
    for (const [args, code, exitCode] of [
      [['read', 'no such channel'], 'invalid.argument', 2], [['role', NAME, carol.address, 'king'], 'invalid.argument', 2],
      [['add', NAME, 'not-an-address'], 'invalid.address', 2], [['follow', 'evegram:nowhere'], 'invalid.channel_link', 2],
      [['follow', link.replace(/.$/, (last) => (last === '0' ? '1' : '0'))], 'channel.key', 2],
      [['follow', link.replace(/evegram:[^/]+/, 'evegram:chat.example')], 'client.domain_mismatch', 5],
      [['post', NAME, ''], 'invalid.argument', 2], [['post', NAME, 'x'.repeat(40_000)], 'too_large.channel_post', 1],
      [['watch', '--after', '3'], 'invalid.argument', 2], [['read', NAME, '--after', '-1'], 'invalid.argument', 2],
    ] as const) {
      const outcome = await as(bob, args)
      expect([args[0], outcome.error?.code, outcome.code]).toEqual([args[0], code, exitCode])
    }
    expect((await as(carol, ['watch'])).error?.code).toBe('invalid.argument')
  })
})
