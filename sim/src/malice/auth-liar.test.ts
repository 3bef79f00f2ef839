import {
  decodeEntry, draftEntry, EvegramError, extendsLog, hexOf, sealEntry, verifyLog,
  type AccountId, type VerifyLogResult,
} from '@evegram/protocol'
import { noblePrimitives, verifyBundle, type FetchedBundle, type Signal } from '@evegram/sdk/parts'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadRealSignal } from '../crypto/load-real-signal.js'
import { Run } from '../kernel/run.js'
import { SimRandom } from '../kernel/random.js'
import type { HonestAuth } from '../services/auth/meddler.js'
import type { ShownLog } from './shown-log.js'
import { LiarKeys } from './liar-keys.js'
import { Liar } from './liar.js'
import { LIES } from './lies.js'

const SERVER = { domain: 'chat.example', origin: 'https://chat.example', network: 'mainnet' } as const
const SEEDS = Array.from({ length: 12 }, (_, seed) => `auth ${seed}`)
const NOW_MS = 1_900_000_000_000

let signal: Signal
/** Honest people: their keys are made as the liar's are, and the liar of a test has none of them. */
let alice: LiarKeys
let log: ShownLog
let other: ShownLog

beforeAll(async () => {
  signal = await loadRealSignal(new SimRandom('signal'))
  const parts = { signal: () => Promise.resolve(signal), server: SERVER, nowMs: () => NOW_MS - 1_000_000_000 }
  alice = new LiarKeys({ ...parts, random: new SimRandom('alice') })
  other = await new LiarKeys({ ...parts, random: new SimRandom('other') }).account()
  const first = await alice.account()
  const [keys, second] = await alice.devices()
  const state = stateOf(first)
  const added = await alice.addition(state, second, await alice.proof(state, 'add-device', second.device))
  const two = { ...first, seq: 2, head: added.head, entries: [...first.entries, added.bytes] }
  const revoked = draftEntry(stateOf(two), 'device.revoke', { device: keys.device }, NOW_MS - 1_000_000_000)
  const last = sealEntry(revoked, [await alice.proof(stateOf(two), 'revoke-device', keys.device)])
  log = { ...two, seq: 3, head: last.head, entries: [...two.entries, last.bytes] }
})

const CONTEXT = { ...SERVER, primitives: noblePrimitives, nowMs: NOW_MS, mode: 'peer' } as const
const verified = (shown: ShownLog): VerifyLogResult => verifyLog(shown.entries, CONTEXT)

function stateOf(shown: ShownLog) {
  const result = verified(shown)
  if (result.status === 'refused') throw new Error(result.reason)
  return result.state
}

class World {
  readonly run: Run
  readonly liar: Liar
  now = log

  constructor(seed: string, readonly name: string) {
    this.run = new Run({ seed, keepTrace: true })
    const plan = [{ name, victims: ['bob-1'], fromMs: 0, untilMs: Infinity }]
    this.liar = new Liar(this.run, { server: SERVER, plan, signal: () => signal, inject: () => undefined })
  }

  readonly honest: HonestAuth = {
    logPage: (account, after) => {
      const found = account === this.now.account ? this.now : account === other.account ? other : undefined
      if (found === undefined) return Promise.reject(new EvegramError('account.not_found', { operation: 'test' }))
      return Promise.resolve({ ...found, entries: found.entries.slice(after), more: false })
    },
    accountOfWallet: (wallet) => Promise.resolve(wallet === alice.wallet.walletId ? this.now : undefined),
  }

  /** What a device is shown of an account from `after` on, put behind the true entries before it. */
  async shown(device = 'bob-1', account: AccountId = this.now.account, after = 0): Promise<ShownLog> {
    const page = await this.liar.auth.logPage(device, account, after, this.honest)
    return { ...page, entries: [...this.now.entries.slice(0, after), ...page.entries] }
  }

  get told(): number {
    return this.run.coverage.of(`lie/${this.name}`)
  }
}

describe('lies about accounts', () => {
  it.each(['ghost device', 'ghost link'])('%s: one more entry, which nobody accepts, for the victim alone', async (name) => {
    const reasons = new Set<string>()
    for (const seed of SEEDS) {
      const world = new World(seed, name)
      expect((await world.shown()).seq, 'before it begins').toBe(3)
      world.liar.begin(1_000)
      const shown = await world.shown()
      const result = verified(shown)
      if (result.status === 'applied') throw new Error('a forged log was accepted')
      expect(result.index, result.reason).toBe(3)
      reasons.add(result.reason)
      expect(shown.entries.slice(0, 3).map((bytes) => hexOf(bytes))).toEqual(log.entries.map((bytes) => hexOf(bytes)))
      expect(await world.shown(), 'the same lie again').toEqual(shown)
      expect(await world.shown('carol-1'), 'to others').toMatchObject({ seq: 3 })
      const claimed = await world.liar.auth.accountOfWallet('bob-1', alice.wallet.walletId, world.honest)
      expect(hexOf(claimed?.head ?? new Uint8Array(0))).toBe(hexOf(shown.head))
      expect(world.told).toBeGreaterThan(0)
      world.liar.end()
      expect((await world.shown()).seq, 'once it is over').toBe(3)
    }
    expect(reasons.size, [...reasons].join(', ')).toBeGreaterThan(1)
  })

  it('rolls back only what was shown before', async () => {
    for (const seed of SEEDS) {
      const world = new World(seed, 'rolled back log')
      world.liar.begin(1_000)
      expect((await world.shown()).seq, 'to a newcomer').toBe(3)
      const shown = await world.shown('bob-1', log.account, 3)
      expect(extendsLog(log, shown, shown.entries.slice(3))).toMatchObject({ status: 'refused', code: 'account.log_rolled_back' })
      expect([0, 2], 'nothing, or without the revocation').toContain(shown.seq)
    }
  })

  it('forks a log that verifies, and names who pins it', async () => {
    const world = new World('fork', 'forked log')
    world.liar.begin(1_000)
    const shown = await world.shown()
    expect(verified(shown).status).toBe('applied')
    expect(hexOf(shown.head)).not.toBe(hexOf(log.head))
    expect([...world.liar.pinned]).toEqual([['bob-1', new Set([log.account])]])
    expect(hexOf((await world.shown('carol-1')).head)).toBe(hexOf(log.head))
  })

  it('withholds news and nothing else', async () => {
    for (const seed of SEEDS) {
      const world = new World(seed, 'withheld log')
      world.now = { ...log, entries: log.entries.slice(0, 2), seq: 2, head: decodeEntry(log.entries[2] ?? new Uint8Array(0)).prev }
      world.liar.begin(1_000)
      expect((await world.shown()).seq).toBe(2)
      expect(world.told).toBe(0)
      world.now = log
      const shown = await world.shown('bob-1', log.account, 2).catch((error: unknown) => error)
      if (shown instanceof EvegramError) expect(shown.code).toBe('unavailable.auth')
      else expect((shown as ShownLog).entries).toHaveLength(2)
      expect(world.told).toBe(1)
    }
  })

  it('leads an address elsewhere', async () => {
    const accounts = new Set<string>()
    for (const seed of SEEDS) {
      const world = new World(seed, 'address elsewhere')
      world.liar.begin(1_000)
      const claimed = await world.liar.auth.accountOfWallet('bob-1', alice.wallet.walletId, world.honest)
      if (claimed === undefined || claimed.account === log.account) {
        accounts.add(claimed === undefined ? 'nobody' : 'not yet')
        continue
      }
      const shown = await world.shown('bob-1', claimed.account)
      const result = verified(shown)
      accounts.add(result.status)
      if (result.status === 'applied') expect(result.state.wallets.has(alice.wallet.walletId)).toBe(false)
      await expect(world.shown('carol-1', claimed.account)).rejects.toThrow(expect.objectContaining({ code: 'account.not_found' }) as Error)
    }
    expect([...accounts].sort()).toEqual(['applied', 'nobody', 'not yet', 'refused'])
  })
})

describe('lies about bundles', () => {
  it.each(LIES.filter(({ place }) => place === 'bundles').map(({ name }) => name))('%s', async (name) => {
    const codes = new Set<string>()
    for (const seed of SEEDS) {
      const world = new World(seed, name)
      const [keys] = await alice.devices()
      let taken = 0
      const bundle = async (): Promise<FetchedBundle> => ({
        account: log.account, device: keys.device, registrationId: keys.registrationId,
        identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey,
        signedPreKey: await alice.signedPrekey(keys.device, { id: 1 + Math.floor(taken / 2), createdAtMs: NOW_MS }),
        oneTimePreKey: { id: ++taken, publicKey: keys.identity.publicKey },
      })
      const fetch = (device: string): Promise<FetchedBundle> => world.liar.auth.fetchBundle(device, log.account, keys.device, bundle)
      await fetch('carol-1')
      await fetch('carol-1')
      world.liar.begin(1_000)
      const honest = await fetch('carol-1')
      await expect(verifyBundle(signal, honest, honest, NOW_MS)).resolves.toBeDefined()
      const told = await fetch('bob-1')
      expect(world.told).toBe(1)
      codes.add(await verifyBundle(signal, told, honest, NOW_MS).then(() => 'accepted', (error: EvegramError) => error.code))
      if (name === 'one-time prekey twice') expect(told.oneTimePreKey?.id).toBe(1)
      if (name === 'no one-time prekey') expect(told.oneTimePreKey).toBeUndefined()
      expect((await fetch('carol-1')).oneTimePreKey?.id).toBe(5)
    }
    const expected: Readonly<Record<string, readonly string[]>> = {
      'swapped bundle': ['e2ee.bundle_invalid', 'e2ee.untrusted_identity'], 'old bundle': ['accepted', 'e2ee.bundle_invalid'],
    }
    expect([...codes].sort()).toEqual(expected[name] ?? ['accepted'])
  })
})
