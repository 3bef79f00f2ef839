import { isEvegramError, parseAccountId, utf8 } from '@evegram/protocol'
import { ManualClock } from '@evegram/platform'
import { beforeEach, describe, expect, it } from 'vitest'
import { AgreedChain } from '../../chain/agreed-chain.js'
import { SimulatedWorld } from '../../chain/simulated/simulated-world.contract.js'
import { openingOf } from '../../ledger/account.js'
import { AMOUNT_MAX, amountOf } from '../../ledger/amount.js'
import { assetIdOf, ledgerAccountIdOf, type AssetId } from '../../ledger/ids.js'
import { MemoryLedger } from '../../ledger/memory/ledger-store.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { DEPOSIT_REASONS } from './decide-deposit.js'
import { newDepositCode } from './deposit-code.js'
import { custodyOf, DepositFlow, UNKNOWN_ASSETS_MAX, type DepositAlarm, type DepositFlowParts } from './deposit-flow.js'
import { MemoryRoutes } from './memory-routes.js'

const alice = parseAccountId('a'.repeat(32))

describe('DepositFlow', () => {
  let world: SimulatedWorld
  let ledger: LedgerStore
  let routes: MemoryRoutes
  let alarms: DepositAlarm[]
  let own: Awaited<ReturnType<SimulatedWorld['wallet']>>
  let native: AssetId
  beforeEach(async () => {
    world = await SimulatedWorld.open('ton')
    ledger = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) }).connect()
    routes = new MemoryRoutes()
    alarms = []
    own = await world.wallet(0n)
    native = world.rules.nativeAsset
    await routes.giveAddress(world.rules.chain, own.address, { to: 'account', account: alice })
  })

  const flow = (parts: Partial<DepositFlowParts> = {}): DepositFlow => new DepositFlow({
    chain: new AgreedChain({ sources: world.network.endpoints, alarm: () => undefined }), ledger, routes,
    assets: new Map([[native, amountOf(10n)]]), alarm: (alarm) => alarms.push(alarm), ...parts,
  })
  const credited = async (asset = native): Promise<bigint> => (await ledger.accounts([ledgerAccountIdOf('user', alice, asset)]))[0]?.creditsPosted ?? 0n
  const cursor = (): Promise<number> => ledger.cursor(`deposits-${world.rules.chain}`)

  it('says what it did about each transfer, and moves its cursor behind it', async () => {
    world.fund(own.address, 1_000n)
    world.fund(own.address, 3n)
    await world.makeFinal()
    const step = await flow().step()
    expect(step).toMatchObject({ status: 'done', outcomes: [{ status: 'credited' }, { status: 'suspense', reason: 'dust' }] })
    expect(await cursor()).toBe(world.chain.head.final)
    expect(await credited()).toBe(1_000n)
    const [custody] = await ledger.accounts([custodyOf(native).id])
    expect(custody).toMatchObject({ kind: 'hot', debitsPosted: 1_003n, creditsPosted: 0n })
    expect(await flow().step()).toMatchObject({ status: 'done', outcomes: [] })
  })

  it('does not move its cursor when what it read could not be booked', async () => {
    world.fund(own.address, 1_000n)
    await world.makeFinal()
    await ledger.close()
    const before = new MemoryLedger({ clock: new ManualClock(), ledger: '00'.repeat(16) })
    const broken: LedgerStore = Object.assign(before.connect(), { submit: () => Promise.reject(new Error('planted')) })
    await expect(flow({ ledger: broken }).step()).rejects.toThrow('planted')
    expect(before.cursors.size).toBe(0)
    ledger = before.connect()
    await flow().step()
    expect(await credited()).toBe(1_000n)
  })

  it('moves nothing while the sources disagree', async () => {
    const txid = world.fund(own.address, 1_000n)
    await world.makeFinal()
    world.network.endpoints[1]!.rpc.faults.hidden.add(txid)
    expect(await flow().step()).toMatchObject({ status: 'disagreed', disagreement: { subject: txid } })
    expect([await cursor(), await credited()]).toEqual([0, 0n])
  })

  it('begins where it is told to when the ledger knows no cursor, and nowhere else', async () => {
    world.fund(own.address, 1_000n)
    await world.makeFinal()
    const beginsAt = world.chain.head.final
    world.fund(own.address, 2_000n)
    await world.makeFinal()
    await flow({ beginsAt }).step()
    expect(await credited()).toBe(2_000n)
    await flow({ beginsAt: 0 }).step()
    expect(await credited()).toBe(2_000n)
  })

  it('books more transfers of one block than one submission takes', async () => {
    for (let count = 0; count < 1_300; count++) world.fund(own.address, 10n)
    await world.makeFinal()
    await flow().step()
    expect(await credited()).toBe(13_000n)
  })

  it('opens so many accounts for unknown assets and no more, also after a restart', async () => {
    const junk = (number: number): AssetId => assetIdOf(world.rules.chain, `junk${String(number).padStart(4, '0')}`)
    for (let number = 0; number < UNKNOWN_ASSETS_MAX - 1; number++) world.fund(own.address, 1n, junk(number))
    await world.makeFinal()
    await flow().step()
    for (const number of [5_000, 5_001, 3]) world.fund(own.address, 1n, junk(number))
    world.fund(own.address, 50n)
    await world.makeFinal()
    const step = await flow().step()
    expect(step).toMatchObject({ outcomes: [
      { status: 'suspense', reason: 'unknown_asset' }, { status: 'ignored', reason: 'too_many_assets' }, { status: 'suspense', reason: 'unknown_asset' }, { status: 'credited' },
    ] })
    expect(alarms.map(({ reason }) => reason)).toEqual(['too_many_assets'])
    expect(await ledger.accounts([ledgerAccountIdOf('suspense', 'unknown_asset', junk(5_001))])).toEqual([undefined])
  })

  it('books nothing on an account that is not what its id says', async () => {
    const { id, asset } = openingOf('user', alice, native)
    await ledger.openAccounts([{ id, asset, kind: 'equity', flags: [] }])
    world.fund(own.address, 1_000n)
    await world.makeFinal()
    await expect(flow().step()).rejects.toThrow(expect.toSatisfy((error) => isEvegramError(error, 'internal')))
    expect([await cursor(), await credited()]).toEqual([0, 0n])
  })

  it('credits an address that was given out while it looked elsewhere', async () => {
    const late = await world.wallet(0n)
    const watching = flow()
    await watching.step()
    await routes.giveAddress(world.rules.chain, late.address, { to: 'account', account: alice })
    world.fund(late.address, 1_000n)
    await world.makeFinal()
    await watching.step()
    expect(await credited()).toBe(1_000n)
  })

  it('loses no deposit at an address that was given out and paid while it was reading', async () => {
    const late = await world.wallet(0n)
    let isFirst = true
    const slow = Object.assign(new MemoryRoutes(), {
      addresses: async (chain: typeof world.rules.chain) => {
        const before = await routes.addresses(chain)
        if (isFirst) {
          isFirst = false
          await routes.giveAddress(chain, late.address, { to: 'account', account: alice })
          world.fund(late.address, 1_000n)
          await world.makeFinal()
        }
        return before
      },
      routesOf: (...asked: Parameters<MemoryRoutes['routesOf']>) => routes.routesOf(...asked),
    })
    await flow({ routes: slow }).step()
    await flow({ routes: slow }).step()
    expect(await credited()).toBe(1_000n)
  })

  it('takes codes in memos of the shared address', async () => {
    const shared = await world.wallet(0n)
    const code = newDepositCode(world.random)
    await routes.giveAddress(world.rules.chain, shared.address, { to: 'memo' })
    await routes.giveCode(code, alice)
    world.fund(shared.address, 1_000n, undefined, utf8(code))
    world.fund(shared.address, 2_000n, undefined, utf8(newDepositCode(world.random)))
    await world.makeFinal()
    await flow().step()
    expect(await credited()).toBe(1_000n)
    expect((await ledger.accounts([ledgerAccountIdOf('suspense', 'memo_unknown', native)]))[0]).toMatchObject({ kind: 'suspense', creditsPosted: 2_000n })
  })

  it('looks every second until it is stopped, and goes on after a failure', async () => {
    const [failures, watching] = [[] as unknown[], flow()]
    const settle = async (): Promise<void> => {
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => { setImmediate(resolve) })
    }
    watching.start(world.clock, (error) => failures.push(error))
    const { faults } = world.network.endpoints[0]!.rpc
    faults.isDown = true
    world.fund(own.address, 1_000n)
    await world.makeFinal()
    await settle()
    expect([failures.length > 0, await credited()]).toEqual([true, 0n])
    faults.isDown = false
    world.clock.advance(1_000)
    await settle()
    expect(await credited()).toBe(1_000n)
    await watching.stop()
    world.fund(own.address, 1_000n)
    await world.makeFinal()
    world.clock.advance(10_000)
    await settle()
    expect(await credited()).toBe(1_000n)
  })

  it('never stops at an amount that no ledger holds', async () => {
    world.fund(own.address, AMOUNT_MAX + 1n)
    world.fund(own.address, 20n)
    await world.makeFinal()
    await flow().step()
    expect(await credited()).toBe(20n)
    expect(alarms).toMatchObject([{ reason: 'beyond_ledger' }])
  })

  it('has a reason of its own for everything, in one table', () => {
    const names = DEPOSIT_REASONS.map(([name]) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const [name, , sentence] of DEPOSIT_REASONS) {
      expect(name).toMatch(/^[a-z_]{1,32}$/)
      expect(sentence).toMatch(/\.$/)
    }
  })
})
