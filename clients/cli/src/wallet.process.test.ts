import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { buildPrograms, evegram, temporaryFolder, TestServer, type Outcome } from './testing/programs.js'

// Blocks of the chain of play money take a second each.
vi.setConfig({ testTimeout: 180_000 })

describe('money in the terminal', () => {
  const folder = temporaryFolder()
  const server = new TestServer(join(folder.path, 'data'))
  const addresses: Record<string, string> = {}
  const run = (args: string, options: { readonly as?: string; readonly json?: boolean; readonly more?: readonly string[] } = {}): Promise<Outcome> =>
    evegram([...args.split(' '), ...(options.more ?? []), ...(options.as === undefined ? [] : ['--profile', join(folder.path, options.as)]), ...(options.json === false ? [] : ['--json'])], {
      environment: { EVEGRAM_SERVER: server.url, HOME: folder.path }, cwd: folder.path,
    })
  const ok = async (...asked: Parameters<typeof run>): Promise<Readonly<Record<string, unknown>>[]> => {
    const outcome = await run(...asked)
    expect(outcome.code, `${asked[0]}: ${outcome.stderr}`).toBe(0)
    return [...outcome.objects]
  }
  const held = async (as: string): Promise<unknown> => (await ok('wallet balance', { as }))[0]?.['held']
  const onChain = async (address: string): Promise<unknown> => (await ok(`play balance ${address}`))[0]?.['decimal']
  const operator = (args: string): Promise<Outcome> => run(args, { more: ['--token', join(folder.path, 'data', 'operator-token')] })

  beforeAll(async () => {
    await buildPrograms()
    await server.start()
    for (const [name, chain] of [['alice', 'solana'], ['bob', 'terra']] as const) {
      const [made] = await ok(`keys new --chain ${chain} --out ${name}.json`)
      addresses[name] = String(made?.['address'])
      await ok(`login --wallet ${name}.json`, { as: name })
    }
  }, 240_000)
  afterAll(async () => {
    await server.kill('SIGTERM')
    folder.remove()
  })

  it('comes in from the chain, goes to a person in chat, and goes out to the chain; chain, statement and books agree', async () => {
    const { alice = '', bob = '' } = addresses
    const [place] = await ok('wallet deposit PLAY', { as: 'alice' })
    const hot = String(place?.['address'])
    const before = Number(await onChain(hot))
    await ok('play faucet 20', { as: 'alice' })
    await expect.poll(() => held('alice'), { timeout: 60_000, interval: 500 }).toBe('20')
    expect(Number(await onChain(hot)) - before).toBe(20)

    // In chat: paid at once, told end to end, and believed only by the own statement.
    expect(await ok(`wallet send ${bob} 5.5 PLAY --yes --note lunch`, { as: 'alice' })).toMatchObject([{ decimal: '5.5', paid: true, to: bob }])
    expect([await held('alice'), await held('bob')]).toEqual(['14.5', '5.5'])
    expect(await ok(`history ${alice}`, { as: 'bob' })).toMatchObject([{ text: 'lunch', payment: { asset: 'simulated/play', proof: 'paid' } }])
    const [request] = await ok(`wallet request ${alice} 1 PLAY --note tip`, { as: 'bob' })
    await ok(`wallet send ${bob} 1 PLAY --yes --request ${String(request?.['request'])}`, { as: 'alice' })
    expect(await ok(`history ${bob}`, { as: 'alice' })).toMatchObject([{ text: 'lunch' }, { payment_request: { request: request?.['request'] } }, { payment: { request: request?.['request'], proof: 'paid' } }])
    expect((await run(`history ${alice}`, { as: 'bob', json: false })).stdout).toMatch(/says they sent you 5\.5 PLAY: paid\] lunch\n/)

    // Out: signed for exactly this by Bob's wallet, followed to its end.
    const [outside] = await ok('play address')
    const to = String(outside?.['address'])
    expect(await onChain(to)).toBe('0')
    const [paid] = await ok(`wallet withdraw 2.25 PLAY ${to} --yes`, { as: 'bob' })
    expect(paid).toMatchObject({ state: 'paid', to, decimal: '2.25' })
    expect(await onChain(to)).toBe('2.25')
    const lines = await ok('wallet history PLAY', { as: 'bob' })
    expect(lines.map(({ kind, direction, decimal }) => [kind, direction, decimal]).slice(-2)).toEqual([['transfer', 'in', '1'], ['transfer', 'in', '5.5']])
    expect(lines.some(({ kind, decimal }) => kind === 'post' && decimal === '2.25')).toBe(true)
    expect(await ok('wallet withdrawals', { as: 'bob' })).toMatchObject([{ state: 'paid', transaction: paid?.['transaction'] }])

    // The books: no drift, a sound chain of events, and a damaged one would be exit code 1.
    const reconciled = await operator('wally reconcile --chain simulated')
    expect([reconciled.code, reconciled.objects[0]]).toMatchObject([0, { status: 'done', drift: false }])
    expect((await operator('wally audit verify')).objects).toMatchObject([{ status: 'sound' }])
  })

  it('does not leave without a yes, beyond what is there, as another amount, or to a mistyped destination', async () => {
    const { bob = '' } = addresses
    const before = await held('alice')
    const sim = String((await ok('play address'))[0]?.['address'])
    const cases: readonly (readonly [string, number, string])[] = [
      [`wallet send ${bob} 1 PLAY`, 2, 'invalid.argument'], [`wallet withdraw 1 PLAY ${sim}`, 2, 'invalid.argument'], [`wallet send ${bob} 1000000 PLAY --yes`, 1, 'wallet.insufficient_funds'],
      [`wallet send ${bob} 1e1 PLAY --yes`, 2, 'invalid.argument'], [`wallet send ${bob} 0 PLAY --yes`, 2, 'invalid.argument'], [`wallet send ${bob} -1 PLAY --yes`, 2, 'invalid.argument'],
      [`wallet send ${bob} 0.0000001 PLAY --yes`, 2, 'invalid.argument'], [`wallet send ${bob} 1 GOLD --yes`, 2, 'invalid.argument'], ['wallet send nobody 1 PLAY --yes', 2, 'invalid.address'],
      [`wallet withdraw 1 PLAY ${sim.slice(0, -1)}${sim.endsWith('0') ? '1' : '0'} --yes`, 2, 'invalid.address'], [`wallet withdraw 1 PLAY ${sim} --yes --wallet bob.json`, 1, 'account.wallet_unknown'],
    ]
    for (const [command, code, error] of cases) {
      const outcome = await run(command, { as: 'alice' })
      expect([command, outcome.code, outcome.error?.code]).toEqual([command, code, error])
    }
    expect(await held('alice')).toBe(before)

    // What was refused stays with its reason, in this profile alone, until it is put away.
    const [refused] = await ok('wallet payments', { as: 'alice' })
    expect(refused).toMatchObject({ to: bob, decimal: '1000000', symbol: 'PLAY', state: 'refused', code: 'wallet.insufficient_funds' })
    expect(await ok('wallet payments', { as: 'bob' })).toEqual([])
    expect((await run('wallet payments', { as: 'alice', json: false })).stdout).toMatch(/1000000 PLAY to \S+: refused, nothing moved \(wallet\.insufficient_funds\)\ntransfer /)
    expect(await ok(`wallet payments dismiss ${String(refused?.['transfer']).slice(0, 8)}`, { as: 'alice' })).toEqual([{ transfer: refused?.['transfer'], dismissed: true }])
    expect(await ok('wallet payments', { as: 'alice' })).toEqual([])
    for (const command of ['wallet withdrawals ask nothing', 'wallet withdrawals forget nothing', 'wallet payments dismiss 3f0a12bc']) {
      const outcome = await run(command, { as: 'alice' })
      expect([command, outcome.code, outcome.error?.code]).toEqual([command, 2, 'invalid.argument'])
    }
  })

  it('goes to a person, not to a group: it says what to do instead', async () => {
    const { bob = '' } = addresses
    await ok(`group create gate ${bob}`, { as: 'alice' })
    for (const command of ['wallet send gate 1 PLAY --yes', 'wallet request gate 1 PLAY']) {
      const outcome = await run(command, { as: 'alice' })
      expect([command, outcome.code, outcome.error]).toMatchObject([command, 2, { code: 'invalid.argument', message: expect.stringContaining('evegram group members') as unknown }])
    }
  })

  it('is watched as it happens', async () => {
    const { bob = '' } = addresses
    // The first look of a profile takes what was before for known.
    const watching = run('wallet watch --count 1', { as: 'bob' })
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    await ok(`wallet send ${bob} 0.5 PLAY --yes`, { as: 'alice' })
    expect((await watching).objects).toMatchObject([{ notice: 'payment_received', decimal: '0.5' }])
  })

  it('is told by the server, each thing once, also by one that was killed behind the booking', async () => {
    const { bob = '' } = addresses
    const told = async (as: string): Promise<readonly unknown[]> => (await ok('notices --limit 100', { as })).map(({ notice, transfer }) => `${String(notice)} ${String(transfer)}`).sort()
    // What the statement has, and nothing else.
    const lines = async (as: string): Promise<readonly unknown[]> => (await ok('wallet history PLAY --limit 100', { as })).flatMap(({ transfer, kind, direction }) => {
      const [id, isIn] = [String(transfer), direction === 'in']
      if (kind === 'transfer' && isIn) return [`${id.startsWith('d:') ? 'deposit_credited' : 'payment_received'} ${id}`]
      return /^p:[^:]+(?::post)?$/.test(id) && !isIn ? [`${kind === 'pending' ? 'payout_reserved' : 'payout_paid'} ${id}`] : []
    }).sort()
    const before = await lines('bob')
    await expect.poll(() => told('bob'), { timeout: 60_000, interval: 1_000 }).toEqual(before)
    const following = run(`notices --follow --limit 100 --count ${String(before.length + 1)}`, { as: 'bob' })
    await ok(`wallet send ${bob} 0.5 PLAY --yes`, { as: 'alice' })
    expect((await following).objects.at(-1)).toMatchObject({ notice: 'payment_received', decimal: '0.5', symbol: 'PLAY', unread: true })
    await ok(`wallet send ${bob} 0.125 PLAY --yes`, { as: 'alice' })
    await server.kill('SIGKILL')
    await server.start()
    for (const as of ['alice', 'bob']) await expect.poll(() => told(as), { timeout: 60_000, interval: 1_000 }).toEqual(await lines(as))
    expect((await ok('notices', { as: 'bob' })).every(({ unread }) => unread === false)).toBe(true)
    expect((await run('notices --limit 1', { as: 'bob', json: false })).stdout).toMatch(/server {2}payment received: 0\.125 PLAY/)
  })

  it('is shown to operators alone, and paused by them', async () => {
    for (const command of ['wally status', 'wally accounts', 'wally transfers', 'wally suspense', 'wally alarms', 'wally proposals', 'wally payouts --chain simulated']) {
      expect([command, (await operator(command)).code]).toEqual([command, 0])
      expect([command, (await run(command, { as: 'alice' })).error?.code]).toEqual([command, 'auth.operator'])
    }
    expect((await operator('wally pause simulated')).objects).toEqual([{ chain: 'simulated', paused: true }])
    const sim = String((await ok('play address'))[0]?.['address'])
    // Still on its way: exit code 4; the same id asks for the same one.
    const asked = await run(`wallet withdraw 0.25 PLAY ${sim} --yes --id later --wait 3`, { as: 'alice' })
    expect([asked.code, asked.objects[0]?.['withdrawal']]).toEqual([4, 'later'])
    expect((await operator('wally resume simulated')).objects).toEqual([{ chain: 'simulated', paused: false }])
    expect(await ok(`wallet withdraw 0.25 PLAY ${sim} --yes --id later`, { as: 'alice' })).toMatchObject([{ withdrawal: 'later', state: 'paid' }])
    expect(await onChain(sim)).toBe('0.25')
    const page = await run('wally reconcile --chain simulated --html', { json: false, more: ['--token', join(folder.path, 'data', 'operator-token')] })
    expect([page.code, page.stdout]).toEqual([0, expect.stringContaining('<html')])
    expect(readFileSync(join(folder.path, 'data', 'operator-token'), 'utf8').trim()).not.toBe('')
  })
})
