import { createHash } from 'node:crypto'
import { silentLogger } from '@evegram/platform'
import { accountIdOf, emptyAccountState, equalBytes, textOf, utf8, type AccountId, type WalletId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import type { AppendOutcome, AppendRequest } from '../../ports/account-store.js'
import type { NonceUse } from '../../ports/nonce-store.js'
import { TestWallet } from '../../testing/actors.js'
import { CALM, JumpingClock, LATE_MAX_MS, ModelCassandra, SeededRandom, type PlantedBug } from '../../testing/model-cassandra.js'
import { openCassandraAuthStores, type CassandraAuthStores } from './auth-stores.js'
import type { AuthQueries } from './conditional-writes.js'
import { PATIENCE_MS } from './log-changes.js'

const SEEDS = Number(process.env['EVEGRAM_MODEL_SEEDS'] ?? '100')
const FIRST_SEED = Number(process.env['EVEGRAM_MODEL_FIRST'] ?? '1')
/** Worlds in which a planted bug must show. */
const PLANTED_SEEDS_MAX = 200
const PROCESSES = 3
const OPERATIONS = 6
const START_WITHIN_MS = 400
/** Every other process stands still for a while: longer than the patience of the others. */
const PAUSE_END_MAX_MS = 3 * PATIENCE_MS
/** Virtual time in which everything must have ended: operations give up long before. */
const RUN_LIMIT_MS = 120_000
/** Virtual time in which a new process must get through once nothing fails any more: one patience for each claim in its way. */
const RECOVERY_LIMIT_MS = 15_000

const hash = (text: string): Uint8Array => Uint8Array.from(createHash('sha256').update(text).digest())
const WALLETS = ['a', 'b', 'c', 'd'].map((name) => new TestWallet(name).walletId)
const ACCOUNTS = WALLETS.slice(0, 2).map(accountIdOf)
const NONCES = ['n1', 'n2', 'n3'].map((name): NonceUse => ({ key: hash(name), expiresAtMs: 1_800_000_600_000 }))

interface Done<Answer> {
  readonly fromMs: number
  /** Infinity: never ended, or ended without an answer, so that it may happen later. */
  toMs: number
  /** Undefined while and when no answer came. */
  answer: Answer | undefined
}
type Append = Done<AppendOutcome> & { readonly request: AppendRequest }
type Consume = Done<'consumed' | 'used'> & { readonly nonce: NonceUse }

/** One world of a seed: processes that append and consume at once while writes are lost, late or unheard and processes die. */
class World {
  readonly clock = new JumpingClock()
  readonly random: SeededRandom
  readonly model: ModelCassandra
  readonly appends: Append[] = []
  readonly consumes: Consume[] = []
  /** What became part of the logs, in that order. */
  readonly made: { readonly atMs: number; readonly account: string; readonly seq: number; readonly entry: string }[] = []

  constructor(seed: number, bug?: PlantedBug) {
    this.random = new SeededRandom(seed)
    this.model = new ModelCassandra(this.clock, this.random, bug)
    this.model.onEntry = (account, seq, entry) => { this.made.push({ atMs: this.clock.monotonicMs(), account, seq, entry: textOf(entry) }) }
  }

  open(session: AuthQueries = this.model.connect()): CassandraAuthStores {
    return openCassandraAuthStores({
      session, clock: this.clock, random: this.random, log: silentLogger, secretsKey: new Uint8Array(32),
    })
  }

  async run(): Promise<void> {
    const { random, clock } = this
    const severity = random.unit() * 0.25
    this.model.weather = {
      lost: severity * random.unit(), unheard: severity * random.unit(), late: severity * random.unit(), twice: random.unit() * 0.3, slow: random.unit() * 0.15,
    }
    const processes = Array.from({ length: PROCESSES }, async () => {
      const diesAtMs = random.unit() < 0.4 ? random.below(1_000) : Number.POSITIVE_INFINITY
      const [pauseMs, pausedUntilMs] = [random.below(800), random.below(2) * random.below(PAUSE_END_MAX_MS)]
      const stores = this.open(this.model.connect({
        isDead: () => clock.monotonicMs() >= diesAtMs,
        standsStillMs: () => (clock.monotonicMs() < pauseMs ? 0 : Math.max(0, pausedUntilMs - clock.monotonicMs())),
      }))
      const death = new Promise<void>((resolve) => { if (diesAtMs < Number.POSITIVE_INFINITY) clock.after(diesAtMs, resolve) })
      await Promise.race([death, Promise.all(Array.from({ length: OPERATIONS }, () => this.#operate(stores)))])
    })
    await clock.runUntil(Promise.all(processes), RUN_LIMIT_MS)
    this.model.weather = CALM
    await clock.runUntil(new Promise<void>((resolve) => { clock.after(LATE_MAX_MS, resolve) }), RUN_LIMIT_MS)
  }

  async #operate(stores: CassandraAuthStores): Promise<void> {
    const { random, clock } = this
    await new Promise<void>((resolve) => { clock.after(random.below(START_WITHIN_MS), resolve) })
    if (random.unit() < 0.2) {
      const nonce = this.#pick(NONCES)
      const consume: Consume = { fromMs: clock.monotonicMs(), toMs: Number.POSITIVE_INFINITY, answer: undefined, nonce }
      this.consumes.push(consume)
      await this.#record(consume, () => stores.nonces.consume(nonce))
      return
    }
    const account = this.#pick(ACCOUNTS)
    const before = await stores.accounts.read(account) ?? emptyAccountState(account)
    const name = `${String(this.appends.length)} ${Buffer.from(random.bytes(4)).toString('hex')}`
    const request: AppendRequest = {
      before, after: { ...before, seq: before.seq + 1, head: hash(name) }, entry: utf8(name),
      nonces: NONCES.filter(() => random.unit() < 0.25), bind: WALLETS.filter(() => random.unit() < 0.25), release: WALLETS.filter(() => random.unit() < 0.2),
    }
    const append: Append = { fromMs: clock.monotonicMs(), toMs: Number.POSITIVE_INFINITY, answer: undefined, request }
    this.appends.push(append)
    await this.#record(append, () => stores.accounts.append(request))
  }

  async #record<Answer>(done: Done<Answer>, work: () => Promise<Answer>): Promise<void> {
    try {
      done.answer = await work()
      done.toMs = this.clock.monotonicMs()
    } catch (failure) {
      // Its outcome stays open, as the port says.
      if (!String(failure).includes('unavailable.store')) throw failure
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[this.random.below(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}

/** Everything that the world did against the promises of the ports, in words. */
async function breaches(world: World): Promise<string[]> {
  const { appends, consumes, made, clock } = world
  const found: string[] = []
  const claim = (holds: boolean, text: string): void => { if (!holds) found.push(text) }
  const requestOf = new Map(appends.map((append) => [textOf(append.request.entry), append.request]))

  // Logs: each entry follows the one before, and answers tell the truth about them.
  const heads = new Map<string, { readonly seq: number; readonly head: Uint8Array; readonly atMs: number }[]>(ACCOUNTS.map((account) => [account, [{ seq: 0, head: new Uint8Array(32), atMs: 0 }]]))
  for (const { account, seq, entry, atMs } of made) {
    const request = requestOf.get(entry)
    const before = heads.get(account)?.at(-1)
    claim(request !== undefined && before !== undefined && seq === before.seq + 1 && equalBytes(request.before.head, before.head), `entry ${entry} does not follow the head`)
    if (request !== undefined) heads.get(account)?.push({ seq, head: request.after.head, atMs })
  }
  for (const { request, answer, fromMs, toMs } of appends) {
    const name = textOf(request.entry)
    const times = made.filter(({ entry }) => entry === name).length
    if (answer !== undefined) claim(times === (answer.status === 'appended' ? 1 : 0), `${name} was answered ${answer.status} and is in the log ${String(times)} times`)
    if (answer?.status === 'conflict') {
      const states = heads.get(request.before.account) ?? []
      const stood = states.some(({ seq, head, atMs }, index) => seq === answer.seq && equalBytes(head, answer.head) && atMs <= toMs && (states[index + 1]?.atMs ?? toMs) >= fromMs)
      claim(stood && !equalBytes(answer.head, request.before.head), `${name} was told of a head that was none`)
    }
  }

  // Nonces: used once, and called used only if they are, or may be.
  for (const { key } of NONCES) {
    const uses = (request: AppendRequest): boolean => request.nonces.some((nonce) => equalBytes(nonce.key, key))
    const inLogs = made.filter(({ entry }) => { const request = requestOf.get(entry); return request !== undefined && uses(request) }).length
    const outright = consumes.filter(({ nonce }) => equalBytes(nonce.key, key))
    const used = inLogs + outright.filter(({ answer }) => answer === 'consumed').length
    claim(used <= 1, `a nonce was used ${String(used)} times`)
    const mayBeUsed = used > 0 || outright.some(({ answer }) => answer === undefined)
    const refusedAll = appends.filter(({ answer, request }) => answer?.status === 'nonce_used' && request.nonces.length === 1 && uses(request)).length
    claim(mayBeUsed || refusedAll + outright.filter(({ answer }) => answer === 'used').length === 0, 'a nonce was called used that nobody used')
  }

  // Wallets: one owner at a time; refused only while another had it; the last owner is the one that is found.
  const owners = new Map<WalletId, { readonly owner: AccountId | undefined; readonly atMs: number }[]>(WALLETS.map((wallet) => [wallet, [{ owner: undefined, atMs: 0 }]]))
  for (const { entry, atMs } of made) {
    const request = requestOf.get(entry)
    for (const wallet of request === undefined ? [] : [...request.release, ...request.bind]) {
      const owner = owners.get(wallet)?.at(-1)?.owner
      const account = request?.before.account
      const binds = request?.bind.includes(wallet) === true
      claim(!binds || owner === undefined || owner === account, `a wallet was taken away by ${entry}`)
      if (binds || owner === account) owners.get(wallet)?.push({ owner: binds ? account : undefined, atMs })
    }
  }
  for (const { request, answer, fromMs, toMs } of appends) {
    if (answer?.status !== 'wallet_taken') continue
    const wasTaken = request.bind.some((wallet) => {
      const states = owners.get(wallet) ?? []
      return states.some(({ owner, atMs }, index) => owner !== undefined && owner !== request.before.account && atMs <= toMs && (states[index + 1]?.atMs ?? toMs) >= fromMs)
    })
    claim(wasTaken, `${textOf(request.entry)} was refused a wallet that nobody else had`)
  }

  // A new process finds all of it, and nothing stands in its way for long.
  const stores = world.open()
  const after = (async () => {
    for (const wallet of WALLETS) claim(await stores.accounts.accountOfWallet(wallet) === owners.get(wallet)?.at(-1)?.owner, 'a wallet is found with another account')
    for (const account of ACCOUNTS) {
      const state = await stores.accounts.read(account)
      const head = heads.get(account)?.at(-1)
      claim((state?.seq ?? 0) === head?.seq && equalBytes(state?.head ?? new Uint8Array(32), head.head), 'an account is found in another state')
      const { entries } = await stores.accounts.entries(account, 0, { entriesMax: 100, bytesMax: 10_000 })
      expect(entries.map(textOf)).toEqual(made.filter((entry) => entry.account === account).map(({ entry }) => entry))
    }
  })()
  await clock.runUntil(after, RUN_LIMIT_MS)
  await after
  return found
}

/** Whether a new process gets through, everywhere, once nothing fails any more. */
async function recovers(world: World): Promise<void> {
  const stores = world.open()
  const work = (async () => {
    for (const [index, account] of ACCOUNTS.entries()) {
      const before = await stores.accounts.read(account) ?? emptyAccountState(account)
      const free: WalletId[] = []
      for (const wallet of WALLETS) if ([undefined, account].includes(await stores.accounts.accountOfWallet(wallet))) free.push(wallet)
      const request = { before, after: { ...before, seq: before.seq + 1, head: hash(`recovery ${account}`) }, entry: utf8(`recovery ${account}`), nonces: [], bind: free, release: [] }
      expect(await stores.accounts.append(index === 0 ? { ...request, nonces: [{ key: hash('fresh'), expiresAtMs: 1_800_000_600_000 }] } : request)).toEqual({ status: 'appended' })
    }
    for (const nonce of NONCES) {
      const used = await stores.nonces.isUsed(nonce.key)
      expect(await stores.nonces.consume(nonce)).toBe(used ? 'used' : 'consumed')
    }
  })()
  await world.clock.runUntil(work, RECOVERY_LIMIT_MS)
  await work
}

describe('appends to accounts on Cassandra, in a model of it', () => {
  it(`keeps every promise of the ports over ${String(SEEDS)} random worlds of lost, late and unheard writes and dying processes`, async () => {
    const seen = { appended: 0, conflict: 0, nonce_used: 0, wallet_taken: 0, open: 0 }
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const world = new World(seed)
      await world.run()
      expect([seed, await breaches(world)]).toEqual([seed, []])
      for (const { answer } of world.appends) seen[answer?.status ?? 'open']++
      await recovers(world)
    }
    // The worlds are rough enough to mean something.
    for (const [outcome, times] of Object.entries(seen)) expect([outcome, times > SEEDS / 10]).toEqual([outcome, true])
  }, 60_000 + SEEDS * 1_000)

  /** One writer stands still before it makes its change; another account wants its nonce. What both were answered. */
  async function standStill(bug?: PlantedBug): Promise<string[]> {
    const world = new World(1, bug)
    const { clock } = world
    const session = world.model.connect()
    const stalled: AuthQueries = {
      ...session,
      conditionalBatch: async (statements) => {
        await new Promise<void>((resolve) => { clock.after(Math.max(0, 2 * PATIENCE_MS - clock.monotonicMs()), resolve) })
        return session.conditionalBatch(statements)
      },
    }
    const [slow, other] = ACCOUNTS.map((account): AppendRequest => {
      const before = emptyAccountState(account)
      return { before, after: { ...before, seq: 1, head: hash(account) }, entry: utf8(account), nonces: NONCES.slice(0, 1), bind: [], release: [] }
    })
    if (slow === undefined || other === undefined) throw new Error('two accounts')
    const answers = Promise.all([
      world.open(stalled).accounts.append(slow),
      new Promise<void>((resolve) => { clock.after(1_000, resolve) }).then(() => world.open().accounts.append(other)),
    ])
    await clock.runUntil(answers, RUN_LIMIT_MS)
    return (await answers).map(({ status }) => status)
  }

  it('finds its change void when it stood still before the last step and somebody lost patience', async () => {
    expect(await standStill()).toEqual(['nonce_used', 'appended'])
  })

  it('would use a nonce twice if a void change could still move the head', async () => {
    expect(await standStill('a void change can still move the head')).toEqual(['appended', 'appended'])
  })

  it('turns red in a random world when Cassandra replaces claims unasked', async () => {
    const found: string[] = []
    for (let seed = 1; seed <= PLANTED_SEEDS_MAX && found.length === 0; seed++) {
      const world = new World(seed, 'claims replace each other unasked')
      await world.run()
      found.push(...await breaches(world))
    }
    expect(found).not.toEqual([])
  }, 60_000)
})
