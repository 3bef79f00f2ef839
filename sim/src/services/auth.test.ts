import { memoryAuthData, memoryAuthStores } from '@evegram/auth/core'
import type { AccountChange } from '@evegram/engine'
import { accountIdOf, isEvegramError, type AccountState } from '@evegram/protocol'
import { MemoryStore, type Client, type Wallet } from '@evegram/sdk'
import { createLocalWallet, openProfile, ServerClock, type AuthApi, type DiscoveredServer, type SocketFactory } from '@evegram/sdk/parts'
import { describe, expect, it } from 'vitest'
import { closeTheWorld } from '../kernel/guard.js'
import { SimProcess } from '../kernel/process.js'
import { Run } from '../kernel/run.js'
import { NO_FAULTS, type ServiceFaults } from '../kernel/service.js'
import { cryptoOf } from '../world/crypto.js'
import { AUTH_MACHINES, SimAuth, type SimAuthOptions } from './auth.js'
import { NO_EXCHANGE_FAULTS, type ExchangeFaults } from './auth/exchange.js'

const SERVER: DiscoveredServer = {
  domain: 'chat.example', origin: 'https://chat.example', serverId: 'test', network: 'mainnet', protocol: { min: 1, max: 1 },
  wsUrl: 'wss://chat.example/v1/socket', authUrl: 'https://chat.example', limits: {},
}
const SHUT: SocketFactory = { open: () => ({ bufferedBytes: 0, send: () => undefined, close: () => undefined }) }
const CRYPTO = cryptoOf('stand-in')
const ATTEMPTS_MAX = 40
const SEEDS = ['1', '2', '3', '4', '5', '6', '7', '8']

/** Auth alone in a run, with what it told the auditor. */
class TestWorld {
  readonly run: Run
  readonly auth: SimAuth
  readonly stored: AccountState[] = []
  readonly accepted: string[] = []
  store: ServiceFaults = NO_FAULTS
  device: ExchangeFaults = NO_EXCHANGE_FAULTS
  node: ExchangeFaults = NO_EXCHANGE_FAULTS
  cut = (_from: string, _to: string): boolean => false
  readonly #starts = new Map<string, number>()

  constructor(seed: string, storesOf?: SimAuthOptions['storesOf']) {
    this.run = new Run({ seed, keepTrace: false })
    this.auth = new SimAuth({
      run: this.run, server: SERVER, start: (machine) => this.process(machine), primitives: CRYPTO.primitives, isContact: () => true,
      observer: {
        entryStored: (state) => { this.stored.push(state) },
        nonceAccepted: (key, operation) => {
          this.accepted.push(key)
          this.run.note('observer', `${operation} ${key.slice(0, 8)}`)
        },
        seenByAuth: () => undefined,
      },
      reaches: (process, to) => !this.cut(process.machine, to), crashPoint: () => undefined,
      faults: { store: () => this.store, device: () => this.device, node: () => this.node },
      ...(storesOf === undefined ? {} : { storesOf }),
    })
  }

  process(machine: string): SimProcess {
    const start = (this.#starts.get(machine) ?? 0) + 1
    this.#starts.set(machine, start)
    const { run } = this
    return new SimProcess({
      machine, start, scheduler: run.scheduler, random: run.random(`${machine}.${String(start)}`), startEpochMs: run.startEpochMs,
      faults: { wallAheadMs: 0, rate: 1 },
    })
  }

  /** Lets virtual time pass until `work` settles. */
  async wait<Result>(work: Promise<Result>): Promise<Result> {
    let isSettled = false
    const settled = work.then(() => { isSettled = true }, () => { isSettled = true })
    await this.run.scheduler.run(this.run.nowMs + 3_600_000, () => { if (isSettled) this.run.scheduler.stop() })
    if (!isSettled) throw new Error('still waiting after an hour of the run')
    await settled
    return work
  }

  /** Lets `ms` pass. */
  pass(ms: number): Promise<void> {
    return this.run.scheduler.run(this.run.nowMs + ms, () => undefined)
  }

  /** Opens a profile, again and again while auth does not answer. */
  async open(name: string, wallet: Wallet, store = new MemoryStore()): Promise<{ readonly client: Client; readonly api: AuthApi }> {
    const process = this.process(name)
    const signal = await CRYPTO.signal(process.random.fork('signal'))
    const serverClock = new ServerClock(process.clock)
    const api = this.auth.apiFor(process)
    const system = { clock: process.clock, random: process.random, sockets: SHUT, hints: { subscribe: () => () => undefined }, serverClock }
    for (let attempt = 1; ; attempt++) {
      try {
        const server = await this.wait(this.auth.discover(process, serverClock))
        const client = await this.wait(openProfile({ store, wallet, server, auth: api, system, signal, primitives: CRYPTO.primitives }))
        return { client, api }
      } catch (error) {
        if (!isEvegramError(error) || attempt >= ATTEMPTS_MAX) throw error
        this.run.note(name, error.code)
        await this.pass(1_000)
      }
    }
  }
}

const walletOf = (number: number): Wallet => createLocalWallet('solana', new Uint8Array(32).fill(number))
const deviceOf = (client: Client): Promise<readonly { readonly device: string; readonly active: boolean }[]> => client.devices()

describe('SimAuth', () => {
  it('signs a device in, up to its socket', async () => {
    const world = new TestWorld('sign in')
    const wallet = walletOf(1)
    const { client, api } = await world.open('alice-1', wallet)
    expect(client.account).toBe(accountIdOf(wallet.walletId))
    expect(world.stored.map(({ seq, devices }) => [seq, devices.size])).toEqual([[1, 1]])
    expect([world.accepted.length, new Set(world.accepted).size]).toEqual([2, 2])
    const directory = world.auth.directoryFor(world.process('n1'))
    const summary = await world.wait(directory.summary(client.account))
    expect([summary?.seq, summary?.devices.length, summary?.closed]).toEqual([1, 1, false])
    expect(await world.wait(directory.summary(accountIdOf(walletOf(9).walletId)))).toBeUndefined()
    expect(await world.wait(api.accountOfWallet(walletOf(9).walletId))).toBeUndefined()
    await expect(world.wait(directory.verifyToken('no token'))).rejects.toMatchObject({ code: 'auth.token_invalid' })
  })

  it('accepts a nonce once, however often requests are repeated, lost and killed with their instance', async () => {
    for (const seed of SEEDS) {
      const world = new TestWorld(seed)
      world.device = { refused: 0.05, lost: 0.05, answerLost: 0.1, duplicated: 0.5, repeated: 0.1, slow: 0.1 }
      world.store = { refused: 0.02, lost: 0.02, unknown: 0.05, late: 0.02, slow: 0.1 }
      const random = world.run.random('killer')
      let isStriking = true
      const strike = (): void => {
        if (!isStriking) return
        const machine = random.pick(AUTH_MACHINES)
        world.auth.processOn(machine)?.kill()
        world.run.scheduler.after(random.between(10, 2_000), () => { world.auth.restart(machine) })
        world.run.scheduler.after(random.between(500, 8_000), strike)
      }
      strike()
      const { client } = await world.open('alice-1', walletOf(1))
      await world.pass(30_000)
      world.device = NO_EXCHANGE_FAULTS
      world.store = NO_FAULTS
      isStriking = false
      await world.pass(30_000)
      expect(new Set(world.accepted).size, seed).toBe(world.accepted.length)
      expect((await world.wait(deviceOf(client))).filter(({ active }) => active), seed).toHaveLength(1)
      expect(world.run.coverage.of('fault/auth-api.duplicated'), seed).toBeGreaterThan(0)
    }
  })

  it('sees it when an instance keeps used nonces to itself', async () => {
    const twice = async (seed: string): Promise<number> => {
      const world = new TestWorld(seed, (shared) => ({ ...shared, nonces: memoryAuthStores(memoryAuthData()).nonces }))
      world.device = { ...NO_EXCHANGE_FAULTS, duplicated: 1 }
      await world.open('alice-1', walletOf(1))
      await world.pass(10_000)
      return world.accepted.length - new Set(world.accepted).size
    }
    let acceptances = 0
    for (const seed of SEEDS) acceptances += await twice(seed)
    expect(acceptances).toBeGreaterThan(0)
  })

  it('tells nodes of a revoked device before its owner is told that it is done, unless they are cut off for longer than their leases', async () => {
    const world = new TestWorld('revocation')
    const wallet = walletOf(1)
    const [one, other] = [await world.open('alice-1', wallet), await world.open('alice-2', wallet)]
    const told: { readonly node: string; readonly change: AccountChange }[] = []
    const directories = ['n1', 'n2'].map((name) => {
      const directory = world.auth.directoryFor(world.process(name))
      directory.onChange((change) => { told.push({ node: name, change }) })
      return directory
    })
    const [mine, theirs] = await world.wait(deviceOf(one.client))
    expect([mine?.active, theirs?.active]).toEqual([true, true])
    world.cut = (_, to) => to === 'n2'
    const startMs = world.run.nowMs
    await world.wait(one.client.revokeDevice(theirs?.device ?? '', wallet))
    expect(world.run.nowMs - startMs).toBeGreaterThan(1_000)
    const logs = (): string[] => told.filter(({ change }) => change.kind === 'log').map(({ node }) => node)
    expect(logs()).toContain('n1')
    await world.pass(5_000)
    expect(logs().sort()).toEqual(['n1', 'n2'])
    expect(told.filter(({ change }) => change.kind === 'session_revoked').map(({ node }) => node).sort()).toEqual(['n1', 'n2'])
    expect((await world.wait(directories[0]?.summary(one.client.account) ?? Promise.reject(new Error('no node'))))?.devices).toHaveLength(1)
    await expect(world.wait(other.api.fetchBundle(
      { signer: { account: one.client.account, device: one.client.device, publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) },
        accessToken: () => Promise.resolve('no token'), forgetAccessToken: () => undefined },
      one.client.account, one.client.device,
    ))).rejects.toMatchObject({ code: 'auth.token_invalid' })
  })

  it('gives the nodes an unavailable directory when no instance answers, and devices a lost request', async () => {
    const world = new TestWorld('down')
    const directory = world.auth.directoryFor(world.process('n1'))
    const api = world.auth.apiFor(world.process('alice-1'))
    world.cut = (from) => from === 'n1' || from === 'alice-1'
    await expect(world.wait(directory.verifyToken('x'))).rejects.toMatchObject({ code: 'unavailable.auth' })
    await expect(world.wait(api.accountOfWallet(walletOf(1).walletId))).rejects.toMatchObject({ code: 'timeout' })
    world.cut = () => false
    for (const machine of AUTH_MACHINES) world.auth.processOn(machine)?.kill()
    await expect(world.wait(api.accountOfWallet(walletOf(1).walletId))).rejects.toMatchObject({ code: 'unavailable.server' })
    world.auth.restart('auth2')
    expect(await world.wait(api.accountOfWallet(walletOf(1).walletId))).toBeUndefined()
  })

  it('repeats, and touches nothing outside of the run', async () => {
    const touched: string[] = []
    const digest = async (): Promise<string> => {
      const world = new TestWorld('again')
      world.device = { refused: 0.1, lost: 0.1, answerLost: 0.1, duplicated: 0.3, repeated: 0.1, slow: 0.1 }
      world.store = { refused: 0.05, lost: 0.02, unknown: 0.05, late: 0.05, slow: 0.1 }
      const open = closeTheWorld((what) => { touched.push(what) }, world.run.random('blinding'))
      try {
        await world.open('alice-1', walletOf(1))
      } finally {
        open()
      }
      return `${String(world.run.scheduler.events)} ${world.run.trace.digest()}`
    }
    expect(await digest()).toBe(await digest())
    expect(touched).toEqual([])
  })
})
