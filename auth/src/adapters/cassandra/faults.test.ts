import { createHash, randomBytes } from 'node:crypto'
import { silentLogger, systemClock, systemRandom } from '@evegram/platform'
import type { CassandraSession } from '@evegram/platform/cassandra'
import { testKeyspace } from '@evegram/platform/testing'
import { accountIdOf, emptyAccountState, hexOf, parseDeviceId, sleep, utf8, type AccountState, type WalletId } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppendRequest } from '../../ports/account-store.js'
import type { NonceUse } from '../../ports/nonce-store.js'
import type { OneTimePrekey, PublishedPrekeys } from '../../ports/prekey-store.js'
import type { SessionRecord } from '../../ports/session-store.js'
import { SigningKeys } from '../../signing-keys.js'
import { TestWallet } from '../../testing/actors.js'
import { FailingSession, type Failure } from '../../testing/failing-session.js'
import { cassandraAuthStores, openCassandraAuthStores, type CassandraAuthStores } from './auth-stores.js'
import type { AuthQueries } from './conditional-writes.js'
import { AUTH_MIGRATIONS } from './schema.js'

const keyspace = testKeyspace()
const secretsKey = Uint8Array.from(randomBytes(32))
const clock = systemClock()
const sessions: CassandraSession[] = []

beforeAll(async () => {
  for (let index = 0; index < 3; index++) sessions.push(await keyspace.connect())
  // Processes that start together migrate together.
  await Promise.all(sessions.map((session) => cassandraAuthStores({ session, clock, log: silentLogger, secretsKey })))
}, 90_000)
afterAll(async () => { await keyspace.drop() }, 60_000)

function open(session: AuthQueries, keptMs?: { readonly nonces: number; readonly sessions: number }): CassandraAuthStores {
  return openCassandraAuthStores({ session, clock, random: systemRandom(), log: silentLogger, secretsKey }, keptMs)
}
/** Stores as of `count` processes, on the three connections. */
const processes = (count: number): CassandraAuthStores[] => Array.from({ length: count }, (_, index) => open(sessionAt(index)))
const sessionAt = (index: number): CassandraSession => one(sessions, index)
/** The item at `index`, counted round and round. */
function one<Item>(items: readonly Item[], index: number): Item {
  const item = items[index % items.length]
  if (item === undefined) throw new Error('nothing to choose from')
  return item
}

const hash = (text: string): Uint8Array => Uint8Array.from(createHash('sha256').update(text).digest())
const nonceOf = (name: string): NonceUse => ({ key: hash(name), expiresAtMs: clock.now() + 60_000 })
const walletOf = (name: string): WalletId => new TestWallet(name).walletId
const founded = (wallet: WalletId): AccountState => emptyAccountState(accountIdOf(wallet))
function follow(before: AccountState, name: string, change: Partial<AppendRequest> = {}): AppendRequest {
  return { before, after: { ...before, seq: before.seq + 1, head: hash(`head ${name}`) }, entry: utf8(name), nonces: [], bind: [], release: [], ...change }
}
const phone = parseDeviceId('aa'.repeat(16))
const keyOf = (id: number): OneTimePrekey => ({ id, publicKey: new Uint8Array(33).fill(id % 251) })
const upload = (from: number, to: number): PublishedPrekeys => ({
  signedPrekey: { ...keyOf(1), signature: new Uint8Array(64), createdAtMs: 5, deviceSignature: new Uint8Array(64) },
  oneTimePrekeys: Array.from({ length: to - from + 1 }, (_, index) => keyOf(from + index)),
})
function record(name: string, createdAtMs = 1): SessionRecord {
  const account = accountIdOf(walletOf(name.split('/')[0] ?? ''))
  return {
    family: hexOf(hash(name), 0, 16), account, device: phone, createdAtMs, generation: 1, rotatedAtMs: createdAtMs, expiresAtMs: clock.now() + 60_000,
  }
}

/** Runs `scenario` for every statement of it and every given failure, all at once, each under a name of its own. Returns how many there were. */
async function atEveryStatement(failures: readonly Failure[], scenario: (name: string, failing: FailingSession) => Promise<void>): Promise<number> {
  const counts = await Promise.all(failures.map(async (failure) => {
    // The next ten at once, until one ends before the failure.
    for (let from = 1; ; from += 10) {
      const runs = Array.from({ length: 10 }, async (_, index) => {
        const failing = new FailingSession(sessionAt(index), from + index, failure)
        await scenario(`${failure} ${String(from + index)} ${randomBytes(4).toString('hex')}`, failing)
        return failing.failed
      })
      const failed = (await Promise.all(runs)).filter(Boolean).length
      if (failed < 10) return from - 1 + failed
    }
  }))
  return counts.reduce((sum, count) => sum + count, 0)
}

describe('an append whose process dies', () => {
  it('happened whole or not at all, at whatever statement, and blocks neither account, nonces nor wallets', async () => {
    const counts = { whole: 0, nothing: 0 }
    const runs = await atEveryStatement(['dies before', 'dies after'], async (name, failing) => {
      const [wallet, spare, given] = [walletOf(name), walletOf(`spare ${name}`), walletOf(`given ${name}`)]
      const [used, two] = [nonceOf(`one ${name}`), nonceOf(`two ${name}`)]
      const first = follow(founded(wallet), `first ${name}`, { bind: [wallet, given] })
      const other = open(sessionAt(1))
      expect(await other.accounts.append(first)).toEqual({ status: 'appended' })
      const second = follow(first.after, `second ${name}`, { bind: [spare], release: [given], nonces: [used, two] })
      const answer = await open(failing).accounts.append(second).catch(() => 'died' as const)

      const head = await other.accounts.read(first.before.account)
      const happened = head?.seq === 2
      if (answer !== 'died') expect([answer, happened]).toEqual([{ status: 'appended' }, true])
      counts[happened ? 'whole' : 'nothing']++
      const { entries } = await other.accounts.entries(first.before.account, 0, { entriesMax: 10, bytesMax: 10_000 })
      expect(entries).toEqual(happened ? [first.entry, second.entry] : [first.entry])
      expect(await other.accounts.accountOfWallet(spare)).toBe(happened ? first.before.account : undefined)
      expect(await other.accounts.accountOfWallet(given)).toBe(happened ? undefined : first.before.account)
      for (const nonce of [used, two]) expect(await other.nonces.isUsed(nonce.key)).toBe(happened)

      // Whoever comes next gets all that is free, within the patience.
      const rival = follow(founded(walletOf(`rival ${name}`)), `rival ${name}`, { bind: [spare], nonces: [two] })
      expect(await other.accounts.append(rival)).toEqual({ status: happened ? 'nonce_used' : 'appended' })
      expect(await other.nonces.consume(used)).toBe(happened ? 'used' : 'consumed')
      const third = follow(happened ? second.after : first.after, `third ${name}`, { release: happened ? [spare] : [given] })
      expect(await open(sessionAt(2)).accounts.append(third)).toEqual({ status: 'appended' })
      expect(await other.accounts.accountOfWallet(spare)).toBe(happened ? undefined : rival.before.account)
      expect(await other.accounts.accountOfWallet(given)).toBeUndefined()
    })
    // Reads of nonces and head, begin, two nonces, two wallets, head.
    expect(runs).toBeGreaterThanOrEqual(20)
    expect(counts.whole).toBeGreaterThan(0)
    expect(counts.nothing).toBeGreaterThan(10)
  }, 120_000)
})

describe('a write whose outcome is unknown', () => {
  const unknown: readonly Failure[] = ['lost', 'unheard']

  it('is an append that appended, once', async () => {
    expect(await atEveryStatement(unknown, async (name, failing) => {
      const request = follow(founded(walletOf(name)), name, { bind: [walletOf(name)], nonces: [nonceOf(name)] })
      expect(await open(failing).accounts.append(request)).toEqual({ status: 'appended' })
      expect((await open(sessionAt(1)).accounts.entries(request.before.account, 0, { entriesMax: 10, bytesMax: 10_000 })).entries).toEqual([request.entry])
      expect(await open(sessionAt(1)).accounts.accountOfWallet(walletOf(name))).toBe(request.before.account)
    })).toBeGreaterThanOrEqual(12)
  }, 60_000)

  it('is a nonce that was consumed, once', async () => {
    expect(await atEveryStatement(unknown, async (name, failing) => {
      expect(await open(failing).nonces.consume(nonceOf(name))).toBe('consumed')
      expect(await open(sessionAt(1)).nonces.consume(nonceOf(name))).toBe('used')
    })).toBeGreaterThanOrEqual(2)
  }, 60_000)

  it('is a session that was opened, rotated and ended, once each', async () => {
    expect(await atEveryStatement(unknown, async (name, failing) => {
      const [store, other] = [open(failing).sessions, open(sessionAt(1)).sessions]
      const [old, now] = [record(`${name}/old`, 1), record(`${name}/new`, 2)]
      expect(await store.create(old, 1)).toEqual([])
      expect((await store.create(now, 1)).map(({ family }) => family)).toEqual([old.family])
      expect((await store.rotate(now.family, 1, 50, now.expiresAtMs)).status).toBe('rotated')
      expect(await other.read(now.family)).toEqual({ ...now, generation: 2, rotatedAtMs: 50 })
      expect(await store.revoke(now.family, 'logout', 60)).toBe(true)
      expect((await other.read(now.family))?.revoked).toEqual({ atMs: 60, reason: 'logout' })
      expect((await other.read(old.family))?.revoked).toEqual({ atMs: 2, reason: 'displaced' })
      await store.create({ ...record(`${name}/last`, 3) }, 1)
      expect(await store.revokeAll(now.account, phone, 'device_revoked', 70)).toHaveLength(1)
      expect(await other.revokeAll(now.account, undefined, 'account_closed', 80)).toEqual([])
    })).toBeGreaterThanOrEqual(20)
  }, 60_000)

  it('is prekeys that were published, taken and removed, once each', async () => {
    expect(await atEveryStatement(unknown, async (name, failing) => {
      const [store, other, account] = [open(failing).prekeys, open(sessionAt(1)).prekeys, accountIdOf(walletOf(name))]
      expect(await store.publish(account, phone, upload(1, 3), 100)).toEqual({ status: 'published', oneTimeRemaining: 3 })
      expect((await store.take(account, phone, 0))?.oneTimePrekey?.id).toBe(1)
      expect((await other.take(account, phone, 0))?.oneTimePrekey?.id).toBe(2)
      await store.remove(account, phone)
      expect(await other.take(account, phone, 0)).toBeUndefined()
    })).toBeGreaterThanOrEqual(10)
  }, 60_000)

  it('is a secret that stands', async () => {
    expect(await atEveryStatement(unknown, async (name, failing) => {
      const secret = `s-${[...hash(name)].slice(0, 16).map((byte) => String.fromCharCode(97 + byte % 26)).join('')}`
      expect(await open(failing).secrets.write(secret, Uint8Array.of(1), undefined)).toEqual(Uint8Array.of(1))
      expect(await open(sessionAt(1)).secrets.write(secret, Uint8Array.of(2), undefined)).toEqual(Uint8Array.of(1))
    })).toBeGreaterThanOrEqual(4)
  }, 60_000)

  it('is prekeys that were published although others came behind before that was known', async () => {
    const account = accountIdOf(walletOf('behind'))
    const session = sessionAt(0)
    const other = open(sessionAt(1)).prekeys
    await other.publish(account, phone, upload(1, 5), 100)
    let first = true
    const interrupted: AuthQueries = {
      read: (...asked) => session.read(...asked), readSerial: (...asked) => session.readSerial(...asked), write: (...asked) => session.write(...asked),
      conditionalBatch: (statements) => session.conditionalBatch(statements),
      conditional: async (cql, values) => {
        const result = await session.conditional(cql, values)
        if (!first) return result
        first = false
        await other.take(account, phone, 0)
        return { applied: false, row: undefined }
      },
    }
    expect(await open(interrupted).prekeys.publish(account, phone, upload(6, 9), 100)).toEqual({ status: 'published', oneTimeRemaining: 9 })
    expect((await other.status(account, phone))?.oneTimeRemaining).toBe(8)
  })
})

describe('several processes at once', () => {
  it('append one entry to one head', async () => {
    const wallet = walletOf('one head')
    const requests = Array.from({ length: 200 }, (_, index) => follow(founded(wallet), `head ${String(index)}`, { nonces: [nonceOf(`head ${String(index)}`)] }))
    const stores = processes(4)
    const outcomes = await Promise.all(requests.map((request, index) => one(stores, index).accounts.append(request)))
    expect(outcomes.filter((outcome) => outcome.status === 'appended')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome.status === 'conflict')).toHaveLength(199)
    const won = outcomes.findIndex((outcome) => outcome.status === 'appended')
    for (const [index, { nonces: [nonce] }] of requests.entries()) {
      if (nonce !== undefined) expect([index, await one(stores, 0).nonces.isUsed(nonce.key)]).toEqual([index, index === won])
    }
  }, 60_000)

  it('bind a wallet to one account, and a nonce to one entry, whoever fights for them', async () => {
    const stores = processes(4)
    const [prize, shared] = [walletOf('prize'), nonceOf('shared by accounts')]
    const fight = (name: string, change: Partial<AppendRequest>) => Promise.all(Array.from({ length: 12 }, async (_, index) => {
      const wallet = walletOf(`${name} ${String(index)}`)
      return { account: accountIdOf(wallet), outcome: await one(stores, index).accounts.append(follow(founded(wallet), `${name} ${String(index)}`, change)) }
    }))
    const wallets = await fight('wallet', { bind: [prize] })
    const winners = wallets.filter(({ outcome }) => outcome.status === 'appended')
    expect(winners).toHaveLength(1)
    expect(wallets.filter(({ outcome }) => outcome.status === 'wallet_taken')).toHaveLength(11)
    expect(await one(stores, 0).accounts.accountOfWallet(prize)).toBe(winners[0]?.account)
    const nonces = await fight('nonce', { nonces: [shared] })
    expect(nonces.map(({ outcome }) => outcome.status).sort()).toEqual(['appended', ...Array.from({ length: 11 }, () => 'nonce_used')])
  }, 60_000)

  it('use one nonce up once in 1,000 tries', async () => {
    const stores = processes(6)
    const answers = await Promise.all(Array.from({ length: 1_000 }, (_, index) => one(stores, index).nonces.consume(nonceOf('raced'))))
    expect(answers.filter((answer) => answer === 'consumed')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'used')).toHaveLength(999)
  }, 60_000)

  it('hand no prekey out twice', async () => {
    const [account, stores] = [accountIdOf(walletOf('prekeys')), processes(4)]
    await one(stores, 0).prekeys.publish(account, phone, upload(1, 200), 200)
    const taken = await Promise.all(Array.from({ length: 400 }, (_, index) => one(stores, index).prekeys.take(account, phone, 20)))
    const ids = taken.flatMap((took) => (took?.oneTimePrekey === undefined ? [] : [took.oneTimePrekey.id]))
    expect(new Set(ids).size).toBe(ids.length)
    expect([...ids].sort((one, other) => one - other)).toEqual(Array.from({ length: 180 }, (_, index) => index + 1))
  }, 60_000)

  it('keep no more sessions of a device than allowed, and rotate one once', async () => {
    const stores = processes(4)
    const records = Array.from({ length: 16 }, (_, index) => record(`many/${String(index)}`, index))
    const displaced = (await Promise.all(records.map((session, index) => one(stores, index).sessions.create(session, 3)))).flat()
    expect(new Set(displaced.map(({ family }) => family)).size).toBe(13)
    const [kept] = records.filter(({ family }) => !displaced.some((ended) => ended.family === family))
    const rotated = await Promise.all(Array.from({ length: 40 }, (_, index) => one(stores, index).sessions.rotate(kept?.family ?? '', 1, 50, clock.now() + 60_000)))
    expect(rotated.filter((outcome) => outcome.status === 'rotated')).toHaveLength(1)
    expect(await one(stores, 1).sessions.revokeAll(one(records, 0).account, phone, 'device_revoked', 99)).toHaveLength(3)
  }, 60_000)

  it('sign with one key, however many start and rotate at once', async () => {
    const all = processes(6).map(({ secrets }) => new SigningKeys({ store: secrets, clock, random: systemRandom() }))
    await Promise.all(all.map((keys) => keys.refresh()))
    expect(new Set(all.map((keys) => keys.current().kid)).size).toBe(1)
  }, 60_000)
})

describe('what is stored', () => {
  it('expires after the time that is kept, not before', async () => {
    const store = open(sessionAt(0), { nonces: 2_000, sessions: 2_000 })
    const [spent, living] = [{ ...nonceOf('spent'), expiresAtMs: clock.now() - 60_000 }, nonceOf('living')]
    const [ended, open_] = [{ ...record('expiring/ended'), expiresAtMs: clock.now() - 60_000 }, record('expiring/open')]
    for (const nonce of [spent, living]) await store.nonces.consume(nonce)
    for (const session of [ended, open_]) await store.sessions.create(session, 8)
    const fresh = (): CassandraAuthStores => open(sessionAt(1))
    expect([await fresh().nonces.isUsed(spent.key), await fresh().sessions.read(ended.family)]).toEqual([true, ended])
    await sleep(clock, 3_500)
    expect([await fresh().nonces.isUsed(spent.key), await fresh().sessions.read(ended.family)]).toEqual([false, undefined])
    expect([await fresh().nonces.isUsed(living.key), await fresh().sessions.read(open_.family)]).toEqual([true, open_])
    // What expired stands in nobody's way.
    expect(await store.sessions.revokeAll(open_.account, phone, 'device_revoked', 9)).toHaveLength(1)
  }, 30_000)

  it('shows no secret, and opens it with its key and under its name alone', async () => {
    const { secrets } = open(sessionAt(0))
    const secret = utf8('precious secret of a deployment')
    await secrets.write('sealed', secret, undefined)
    const [row] = await sessionAt(0).read('SELECT sealed, change FROM auth_secrets WHERE name = ?', ['sealed'])
    expect(Buffer.from(row?.bytes('sealed') ?? []).includes('precious')).toBe(false)
    const stranger = openCassandraAuthStores({ session: sessionAt(0), clock, random: systemRandom(), log: silentLogger, secretsKey: Uint8Array.from(randomBytes(32)) })
    await expect(stranger.secrets.read('sealed')).rejects.toThrow('unavailable.store')
    // Somebody who writes to the store moves a secret under another name.
    await sessionAt(0).write('INSERT INTO auth_secrets (name, sealed, change) VALUES (?, ?, ?)', ['moved', row?.bytes('sealed') ?? null, row?.bytes('change') ?? null])
    await expect(secrets.read('moved')).rejects.toThrow('unavailable.store')
    expect(() => openCassandraAuthStores({ session: sessionAt(0), clock, random: systemRandom(), log: silentLogger, secretsKey: new Uint8Array(16) })).toThrow('invalid.config')
  })

  it('is opened by any process, and refused to one that is older', async () => {
    await cassandraAuthStores({ session: sessionAt(0), clock, log: silentLogger, secretsKey })
    await sessionAt(0).migrate('auth', [...AUTH_MIGRATIONS, { version: AUTH_MIGRATIONS.length + 1, statements: [] }])
    await expect(cassandraAuthStores({ session: sessionAt(1), clock, log: silentLogger, secretsKey })).rejects.toThrow('incompatible.schema')
  })
})
