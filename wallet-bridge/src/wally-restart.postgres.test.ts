import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMetrics, MemoryEventBroker, silentLogger, systemClock, systemRandom } from '@evegram/platform'
import { decodeAccountNotice, parseAccountId, utf8 } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PlayNetwork } from './chain/simulated/play-network.js'
import { simulatedSigner } from './chain/simulated/signer.js'
import { openingOf } from './ledger/account.js'
import { amountOf, ZERO } from './ledger/amount.js'
import { parsePurpose, userTransferId } from './ledger/ids.js'
import {
  LEASE_SESSION_IDLE_MS, openPostgresLedger, PostgresAlarmStore, PostgresChainLeases, PostgresCheckpoints, postgresDatabase, PostgresPayoutDecisions, PostgresPayoutStore, PostgresRoutes,
  PostgresStatementStore,
} from './ledger/postgres/index.js'
import { RestartableServer } from './ledger/postgres/restartable-server.fixture.js'
import { verifyLedger } from './ledger/verify.js'
import { NoticeSigner } from './notices.js'
import { Operators } from './operators.js'
import type { WallyAuth } from './ports/auth.js'
import { createWally } from './wally.js'

const [alice, bob] = [parseAccountId('a'.repeat(32)), parseAccountId('b'.repeat(32))]
const GIVEN = amountOf(1_000_000n)
/** Behind the kill, and before the server is back. */
const HOLD_MS = 3_000
const SOON = { timeout: 60_000, interval: 250 } as const

describe('a wallet bridge whose PostgreSQL is killed and comes back', () => {
  let server: RestartableServer
  const folder = mkdtempSync(join(tmpdir(), 'wally-restart-'))
  beforeAll(async () => { server = await RestartableServer.start() }, 600_000)
  afterAll(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }, 60_000)

  it('goes on by itself: deposits, statements, events, notices, expiry, its lease, and what operators are told', { timeout: 240_000 }, async () => {
    const [clock, random] = [systemClock(), systemRandom()]
    const database = postgresDatabase(server.url)
    const leases = postgresDatabase(server.url, { connectionsMax: 1, idleSessionMs: LEASE_SESSION_IDLE_MS })
    const ledger = await openPostgresLedger({ database, clock, random, synced: true })
    const play = await PlayNetwork.open({ folder, clock, random })
    play.start((failure) => { throw failure })
    const asset = play.rules.nativeAsset
    const auth: WallyAuth = {
      callerOf: async () => { throw new Error('nobody asks') }, owner: async () => undefined, verifyWithdrawal: async () => ({ status: 'refused', code: 'proof.body' }),
    }
    const told = new Set<string>()
    const limits = { payoutMin: amountOf(1n), payoutMax: GIVEN, accountDayMax: GIVEN, approvalAbove: GIVEN, topUpBelow: ZERO }
    const wally = createWally({
      ledger, statements: new PostgresStatementStore(database), payouts: new PostgresPayoutStore(ledger, database), routes: new PostgresRoutes(database),
      decisions: new PostgresPayoutDecisions(ledger, database), alarms: new PostgresAlarmStore(database), checkpoints: new PostgresCheckpoints(database),
      leases: new PostgresChainLeases(leases), stream: new MemoryEventBroker({ clock, log: silentLogger }).connect(), auth, operators: new Operators({ tokens: [], auth }),
      notices: { signer: new NoticeSigner(new Uint8Array(32).fill(6)), sink: { append: async (bytes) => { told.add(decodeAccountNotice(bytes).transfer) } } },
      chains: [{
        sources: play.sources, signer: simulatedSigner(new Uint8Array(32).fill(5)), assets: [{ id: asset, symbol: 'PLAY', decimals: 6, depositMin: amountOf(1n), foundingDayMax: ZERO }],
        policy: { assets: new Map([[asset, limits]]), denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(20_000n), ppm: 0 }, feeFrom: 'account' },
      }],
      depositSecret: new Uint8Array(32).fill(7), origin: 'http://127.0.0.1', clock, log: silentLogger, metrics: createMetrics(),
    })
    const work = wally.chains.get(play.rules.chain)!
    const held = async (): Promise<unknown> => (await wally.money.balances(alice)).map(({ held: all, reserved }) => [all, reserved])
    await wally.start()
    await expect.poll(() => work.status.working, SOON).toBe(true)
    const memo = utf8(await wally.places.codeOf(alice))
    const give = (): unknown => play.give({ to: work.address, amount: GIVEN, memo })
    give()
    await expect.poll(held, SOON).toEqual([[GIVEN, 0n]])

    // Its time is over while there is no server.
    const [from, to] = [openingOf('user', alice, asset), openingOf('user', bob, asset)]
    await ledger.openAccounts([to])
    await ledger.submit({ linked: false, transfers: [{
      kind: 'pending', id: userTransferId(alice, 'hold'), debit: from.id, credit: to.id, amount: amountOf(5n), purpose: parsePurpose('chat'), expiresAtMs: clock.now() + HOLD_MS,
    }] })
    expect(await held()).toEqual([[GIVEN, 5n]])
    server.kill()
    await expect.poll(() => wally.ready().catch(() => 'away'), SOON).toBe('away')
    give()
    // Its lease is gone, and nothing can be written down: neither ends the process.
    await expect.poll(() => work.status.working, SOON).toBe(false)
    await expect(wally.alarms.list()).rejects.toMatchObject({ code: 'unavailable.store' })
    await server.resume()

    await expect.poll(() => held().catch(() => 'away'), SOON).toEqual([[2n * GIVEN, 0n]])
    await expect.poll(() => work.status.working, SOON).toBe(true)
    await expect.poll(() => told.size, SOON).toBe(2)
    await expect.poll(async () => [(await ledger.head()).number - await ledger.cursor('relay'), { ...wally.lags }], SOON).toEqual([0, { statements: 0, notices: 0, relay: 0 }])
    const lines = await wally.money.statement(alice, asset, undefined, 10)
    expect(lines.map(({ kind }) => kind).sort()).toEqual(['expire', 'pending', 'transfer', 'transfer'])
    expect((await wally.alarms.list()).map(({ kind }) => kind)).toContain('lease_lost')
    expect(await work.reconcile({ fromStart: true })).toMatchObject({ status: 'done', report: { drift: false } })
    expect(await verifyLedger(ledger)).toMatchObject({ status: 'sound' })

    await wally.stop()
    await play.close()
    await ledger.close()
    for (const one of [leases, database]) await one.close()
  })
})
