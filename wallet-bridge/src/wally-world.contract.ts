import { setImmediate as nextTurn } from 'node:timers/promises'
import { TestDevice, TestServer, TestWallet, type TestMember } from '@evegram/auth/testing'
import { createHttp, createMetrics, MemoryEventBroker, registerOpenApi, silentLogger, systemRandom, type HttpServer, type Metrics } from '@evegram/platform'
import { decodeAccountNotice, encodeCbor, utf8, type AccountId, type AccountNotice } from '@evegram/protocol'
import { encodeWalletProof, withdrawalBodyHash, type WithdrawalTerms } from '@evegram/protocol/proof'
import type { ChainAddress } from './chain/chain-adapter.js'
import { SimulatedWorld, somebody } from './chain/simulated/simulated-world.contract.js'
import type { Signer } from './chain/signer.js'
import type { WallyChainOptions } from './chain-work.js'
import { MemoryRoutes } from './flows/deposit/memory-routes.js'
import { MemoryPayoutDecisions } from './flows/payout/memory-payout-decisions.js'
import { MemoryPayoutStore } from './flows/payout/memory-payout-store.js'
import { MemoryCheckpoints } from './flows/reconcile/memory-checkpoints.js'
import { amountOf } from './ledger/amount.js'
import type { AssetId } from './ledger/ids.js'
import { MemoryLedger } from './ledger/memory/ledger-store.js'
import { MemoryStatementStore } from './ledger/memory/statement-store.js'
import { LocalChainLeases } from './local-chain-leases.js'
import { MemoryAlarmStore } from './memory-alarm-store.js'
import { NoticeSigner } from './notices.js'
import { Operators, operatorTokenHash, type OperatorScope } from './operators.js'
import type { WallyAuth } from './ports/auth.js'
import type { ChainLeases } from './ports/chain-leases.js'
import { createWally } from './wally.js'
import type { Wally } from './wally-parts.js'

/** Tokens of operators in tests, by person. */
export const OPERATORS = { olga: 'olga-token', oleg: 'oleg-token', reader: 'reader-token', blind: 'blind-token' } as const
/** What they may do, where that is not everything. */
const SCOPES: Readonly<Partial<Record<keyof typeof OPERATORS, readonly OperatorScope[]>>> = { reader: ['read'], blind: ['approve', 'manage'] }
/** What a hot wallet holds in the beginning, and the ledger knows nothing of. */
const HOT_FUNDS = 0n

/** A wallet bridge over a simulated chain with two endpoints, real sign-in, and stores in memory. */
export class WallyWorld {
  readonly ledger: MemoryLedger
  readonly payouts: MemoryPayoutStore
  readonly decisions: MemoryPayoutDecisions
  readonly alarms = new MemoryAlarmStore()
  readonly checkpoints = new MemoryCheckpoints()
  readonly routes = new MemoryRoutes()
  readonly statements = new MemoryStatementStore()
  readonly metrics: Metrics = createMetrics()
  /** What people were told, as often as they were. */
  readonly notices: AccountNotice[] = []
  readonly noticeSigner = new NoticeSigner(new Uint8Array(32).fill(6))
  readonly opened: Wally[] = []

  private constructor(readonly chain: SimulatedWorld, readonly auth: TestServer, readonly hot: { readonly signer: Signer; readonly address: ChainAddress }) {
    this.ledger = new MemoryLedger({ clock: chain.clock, ledger: '00'.repeat(16) })
    this.payouts = new MemoryPayoutStore(this.ledger)
    this.decisions = new MemoryPayoutDecisions(this.ledger)
  }

  static async open(): Promise<WallyWorld> {
    const chain = await SimulatedWorld.open('ton', undefined, { finalityBlocks: 2, validFor: 60 })
    return new WallyWorld(chain, await TestServer.start(), await chain.wallet(HOT_FUNDS))
  }

  get native(): AssetId {
    return this.chain.rules.nativeAsset
  }

  /** Sign-in as the wallet bridge of one process has it. */
  get wallyAuth(): WallyAuth {
    const { auth } = this.auth
    return {
      callerOf: ({ token, proof, method, url }) => auth.verifyRequest({ token, proof, method, url }, 'wally'),
      owner: (account) => auth.withdrawals.owner(account),
      verifyWithdrawal: (question) => auth.withdrawals.verify(question),
    }
  }

  /** A process: built, not started. */
  wally(leases: ChainLeases = new LocalChainLeases(), changes: Partial<WallyChainOptions['policy']> = {}): Wally {
    const { clock } = this.chain
    const limits = { payoutMin: amountOf(10n), payoutMax: amountOf(5_000_000n), accountDayMax: amountOf(8_000_000n), approvalAbove: amountOf(500_000n), topUpBelow: amountOf(1_000n) }
    const tokens = (Object.entries(OPERATORS) as [keyof typeof OPERATORS, string][]).map(([person, token]) => ({
      person, hash: operatorTokenHash(token), scopes: new Set<OperatorScope>(SCOPES[person] ?? ['read', 'approve', 'manage']),
    }))
    const wally = createWally({
      ledger: this.ledger.connect(), statements: this.statements, payouts: this.payouts, decisions: this.decisions, alarms: this.alarms, checkpoints: this.checkpoints, routes: this.routes, leases,
      stream: new MemoryEventBroker({ clock, log: silentLogger }).connect(), notices: { signer: this.noticeSigner, sink: { append: async (bytes) => { this.notices.push(decodeAccountNotice(bytes)) } } },
      auth: this.wallyAuth, operators: new Operators({ tokens, auth: this.wallyAuth }), origin: this.auth.origin, depositSecret: new Uint8Array(32).fill(7),
      chains: [{
        sources: this.chain.network.endpoints, signer: this.hot.signer, reconcileEveryMs: 60_000,
        policy: {
          assets: new Map([[this.native, limits]]), denied: new Set([somebody('denied')]), holdMs: 0, feeReserve: { fixed: amountOf(20_000n), ppm: 0 }, feeFrom: 'account', ...changes,
        },
        assets: [{ id: this.native, symbol: 'PLAY', decimals: 6, depositMin: amountOf(100n), foundingDayMax: amountOf(0n) }],
      }],
      clock, log: silentLogger, metrics: this.metrics,
    })
    this.opened.push(wally)
    return wally
  }

  /** The HTTP of a process. */
  async http(wally: Wally): Promise<HttpServer> {
    const server = createHttp({ log: silentLogger, clock: this.chain.clock, random: systemRandom(), publicUrl: this.auth.origin })
    await registerOpenApi(server, { title: 'Wally', version: '1', description: 'Test' })
    wally.routes(server)
    return server
  }

  /** Lets time pass on the chain and in all processes, a second at a time, so that everything that is due is done. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.chain.clock.advance(1_000)
      if (second % 2 === 0) await this.chain.chain.produceBlock()
      for (let turn = 0; turn < 40; turn++) await nextTurn()
    }
  }

  async member(name: string): Promise<TestMember & { readonly wallet: TestWallet }> {
    const wallet = new TestWallet(name)
    return { ...await this.auth.signUp(wallet, new TestDevice(`${name} phone`)), wallet }
  }

  /** A stranger pays to the shared address with the code of an account, and it becomes final and is booked. */
  async deposit(wally: Wally, account: AccountId, amount: bigint): Promise<void> {
    this.chain.fund(this.hot.address, amount, this.native, utf8(await wally.places.codeOf(account)))
    await this.pass(12)
  }

  /** The proof of a withdrawal by a wallet. */
  async proof(member: TestMember & { readonly wallet: TestWallet }, terms: WithdrawalTerms): Promise<Uint8Array> {
    const request = { purpose: 'withdraw' as const, device: member.device.device, bodyHash: withdrawalBodyHash(terms) }
    const proof = await this.auth.prove(member.wallet, request, await this.auth.state(member.account))
    if (proof.type !== 'wallet') throw new Error('no wallet proof')
    return encodeCbor(encodeWalletProof(proof.proof))
  }

  async close(): Promise<void> {
    for (const wally of this.opened) await wally.stop()
    await this.auth.close()
  }
}
