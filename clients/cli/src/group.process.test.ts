import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, temporaryFolder, TestServer, type Outcome } from './testing/programs.js'

// About a second for each program that starts; a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000 })

interface Person {
  readonly name: string
  readonly chain: string
  address: string
}

const SECRET = 'the lighthouse at nine'
const NAME = 'North gate conspirators'

describe('groups in the terminal, on a real server', () => {
  const folder = temporaryFolder()
  const server = new TestServer(join(folder.path, 'data'), { EVEGRAM_WALLY: 'false' })
  const [alice, bob, carol]: [Person, Person, Person] = [
    { name: 'alice', chain: 'solana', address: '' }, { name: 'bob', chain: 'ton', address: '' }, { name: 'carol', chain: 'terra', address: '' },
  ]

  const as = (who: Person, ...args: readonly string[]): Promise<Outcome> =>
    evegram([...args, '--profile', join(folder.path, who.name), '--server', server.url, '--json'])
  async function group(who: Person, ...args: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const outcome = await as(who, 'group', ...args)
    expect(outcome.code, outcome.stderr).toBe(0)
    return outcome.objects
  }
  const texts = async (who: Person): Promise<unknown[]> => (await group(who, 'history', NAME)).map((object) => object['text'])

  beforeAll(async () => {
    await buildPrograms()
    await server.start()
    for (const who of [alice, bob, carol]) {
      const wallet = join(folder.path, `${who.name}.json`)
      expect((await evegram(['keys', 'new', '--chain', who.chain, '--out', wallet])).code).toBe(0)
      const signedIn = await as(who, 'login', '--wallet', wallet)
      expect(signedIn.code, signedIn.stderr).toBe(0)
      who.address = String(signedIn.objects[0]?.['address'])
    }
  }, 240_000)

  afterAll(async () => {
    await server.kill('SIGTERM')
    folder.remove()
  })

  it('founds a group whose members find it, with its name, and talk in it', async () => {
    const [founded] = await group(alice, 'create', NAME, bob.address)
    expect(founded).toMatchObject({ name: NAME, members: 2, version: 1 })
    expect(await group(alice, 'say', NAME, 'one')).toMatchObject([{ acked: true, group: founded?.['group'] }])
    expect(await group(bob, 'list')).toEqual([{ group: founded?.['group'], name: NAME, members: 2, member: true, version: 1 }])
    await group(bob, 'say', String(founded?.['group']).slice(0, 8), SECRET)
    expect([await texts(alice), await texts(bob)]).toEqual([['one', SECRET], ['one', SECRET]])
  })

  it('adds a member, who reads what follows, and removes one, who does not', async () => {
    await group(alice, 'add', NAME, carol.address)
    await group(alice, 'say', NAME, 'welcome carol')
    expect(await texts(carol)).toEqual(['welcome carol'])
    await group(alice, 'remove', NAME, carol.address)
    await group(bob, 'say', NAME, 'without carol')
    expect(await texts(carol)).toEqual(['welcome carol'])
    expect(await texts(alice)).toEqual(['one', SECRET, 'welcome carol', 'without carol'])
    const refused = await as(carol, 'group', 'say', NAME, 'hello?')
    expect([refused.code, refused.error?.code]).toEqual([1, 'denied.not_member'])
  })

  it('has roles, and an owner as long as it has members', async () => {
    const roles = async (): Promise<unknown[]> => (await group(bob, 'members', NAME)).map(({ address, role }) => `${String(address)} ${String(role)}`).sort()
    expect(await roles()).toEqual([`${alice.address} owner`, `${bob.address} member`].sort())
    expect((await as(bob, 'group', 'remove', NAME, alice.address)).error?.code).toBe('group.role')
    expect((await as(alice, 'group', 'leave', NAME)).error?.code).toBe('group.last_owner')
    await group(alice, 'role', NAME, bob.address, 'owner')
    await group(alice, 'leave', NAME)
    expect(await roles()).toEqual([`${bob.address} owner`])
    expect(await group(alice, 'list')).toMatchObject([{ name: NAME, member: false }])
  })

  it('keeps names and texts from the server, whose files hold neither', () => {
    const files = readdirSync(join(folder.path, 'data'), { recursive: true, encoding: 'utf8' }).map((file) => join(folder.path, 'data', file))
    const whole = files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file))
    expect(whole.length).toBeGreaterThan(3)
    for (const bytes of whole) for (const secret of [SECRET, NAME, 'welcome carol']) expect(bytes.includes(secret)).toBe(false)
  })

  it('says what is wrong with a command', async () => {
    for (const [args, code] of [
      [['say', 'no such group', 'x'], 'invalid.argument'], [['role', NAME, carol.address, 'king'], 'invalid.argument'],
      [['add', NAME, carol.address, 'not-an-address'], 'invalid.address'],
    ] as const) {
      const outcome = await as(bob, 'group', ...args)
      expect([args[0], outcome.error?.code, outcome.code]).toEqual([args[0], code, 2])
    }
  })
})
