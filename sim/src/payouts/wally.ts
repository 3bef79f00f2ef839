import { isEvegramError } from '@evegram/protocol'
import {
  AgreedChain, amountOf, DepositFlow, PayoutFlow, SimulatedChainAdapter,
  type AccountChanges, type ChainAddress, type DepositRoutes, type LedgerStore, type PayoutPolicy, type PayoutStore, type Signer, type SignedPayment,
  type SimulatedRpc, type SimulatedRules, type WithdrawalProofs,
} from '@evegram/wallet-bridge'
import type { SimProcess } from '../kernel/process.js'
import type { Run } from '../kernel/run.js'
import type { ServiceFaults } from '../kernel/service.js'
import { assetsOf } from './chain-truth.js'
import type { Port, PortCalls } from './port-calls.js'

/** The least deposit; less is dust. */
export const DEPOSIT_MIN = 1_000n
/** Above it somebody else must approve. */
export const APPROVAL_ABOVE = 3_000_000n
/** Reserved for a tax, in the native asset and in others, in parts of a million. */
const TAX_RESERVE_PPM = 20_000
/** The largest payout. */
export const PAYOUT_MAX = 5_000_000n

/** What is outside of the processes, and stays when they die. */
export interface Outside {
  readonly rules: SimulatedRules
  readonly sources: readonly SimulatedRpc[]
  readonly ledger: LedgerStore
  readonly payouts: PayoutStore
  readonly routes: DepositRoutes
  readonly proofs: WithdrawalProofs
  readonly changes: AccountChanges
  readonly signer: Signer
  readonly denied: ReadonlySet<ChainAddress>
  readonly feeFrom: 'account' | 'house'
  readonly holdMs: number
  /** Where the chain began for deposits. */
  readonly beginsAt: number
  /** Hears of everything that goes out. */
  broadcast(payment: SignedPayment): void
}

class ObservedAdapter extends SimulatedChainAdapter {
  readonly #heard: (payment: SignedPayment) => void

  constructor(options: ConstructorParameters<typeof SimulatedChainAdapter>[0], heard: (payment: SignedPayment) => void) {
    super(options)
    this.#heard = heard
  }

  override broadcast(payment: SignedPayment): ReturnType<SimulatedChainAdapter['broadcast']> {
    this.#heard(payment)
    return super.broadcast(payment)
  }
}

/** All ways out of the processes of one world. */
export class WallyPorts {
  readonly ledger: Port<LedgerStore>
  readonly payouts: Port<PayoutStore>
  readonly routes: Port<DepositRoutes>
  readonly proofs: Port<WithdrawalProofs>
  readonly changes: Port<AccountChanges>
  readonly signer: Port<Signer>
  readonly sources: readonly Port<SimulatedChainAdapter>[]

  constructor(calls: PortCalls, faults: { readonly stores: () => ServiceFaults; readonly sources: () => ServiceFaults }, sources: number) {
    const store = { failure: 'unavailable.store', latencyMs: [1, 20], faults: faults.stores } as const
    this.ledger = calls.port<LedgerStore>({
      ...store, name: 'ledger',
      operations: { openAccounts: 'write', submit: 'write', accounts: 'read', accountsAfter: 'read', transfers: 'read', cursor: 'read', moveCursor: 'write' },
    })
    this.payouts = calls.port<PayoutStore>({ ...store, name: 'payouts', operations: { create: 'write', replace: 'write', attend: 'write', get: 'read', list: 'read', isPaused: 'read' } })
    this.routes = calls.port<DepositRoutes>({ ...store, name: 'routes', operations: { addresses: 'read', routesOf: 'read', accountsOf: 'read' } })
    this.proofs = calls.port<WithdrawalProofs>({ ...store, name: 'proofs', operations: { check: 'read' } })
    this.changes = calls.port<AccountChanges>({ ...store, name: 'changes', operations: { lastAddedMs: 'read' } })
    // A key service that does not answer makes signing fail as a chain does.
    this.signer = calls.port<Signer>({ ...store, name: 'signer', failure: 'unavailable.chain', operations: { sign: 'read' } })
    this.sources = Array.from({ length: sources }, (_, index) => calls.port<SimulatedChainAdapter>({
      name: `source-${String(index + 1)}`, failure: 'unavailable.chain', latencyMs: [5, 120], faults: faults.sources,
      operations: { head: 'read', watch: 'read', balance: 'read', sign: 'read', expiryOf: 'read', broadcast: 'write', lookUp: 'read' },
      unanswered: { broadcast: { status: 'unknown' } },
    }))
  }
}

/** One process of the wallet bridge: both flows over one chain, with nothing that outlives it. */
export class Wally {
  readonly process: SimProcess
  readonly payouts: PayoutFlow
  readonly deposits: DepositFlow
  readonly #run: Run

  constructor(run: Run, process: SimProcess, outside: Outside, ports: WallyPorts) {
    this.#run = run
    this.process = process
    const { rules, feeFrom, holdMs, denied, beginsAt } = outside
    const sources = outside.sources.map((rpc, index) => {
      const adapter = new ObservedAdapter({ rpc, rules, random: process.random }, (payment) => { outside.broadcast(payment) })
      return { name: `source-${String(index + 1)}`, adapter: ports.sources[index]?.(process, adapter) ?? adapter }
    })
    const chain = new AgreedChain({ sources, alarm: ({ about }) => { run.coverage.count(`branch/sources disagree about ${about}`) } })
    const ledger = ports.ledger(process, outside.ledger)
    const routes = ports.routes(process, outside.routes)
    this.payouts = new PayoutFlow({
      chain, ledger, routes, signer: ports.signer(process, outside.signer), payouts: ports.payouts(process, outside.payouts),
      policy: policyOf(rules, { feeFrom, holdMs, denied }), proofs: ports.proofs(process, outside.proofs), changes: ports.changes(process, outside.changes),
      clock: process.clock, alarm: ({ kind }) => { run.coverage.count(`branch/alarm ${kind}`) },
    })
    this.deposits = new DepositFlow({
      chain, ledger, routes, assets: new Map([[rules.nativeAsset, amountOf(DEPOSIT_MIN)]]), beginsAt,
      alarm: ({ reason }) => { run.coverage.count(`branch/alarm ${reason}`) },
    })
  }

  /** Works from now on, each flow at its own pace. */
  start(payoutsEveryMs: readonly [number, number], depositsEveryMs: readonly [number, number]): void {
    this.#loop(payoutsEveryMs, async () => {
      for (const { wait } of await this.payouts.step()) this.#run.coverage.count(`branch/wait ${String(wait)}`)
    })
    this.#loop(depositsEveryMs, async () => {
      const step = await this.deposits.step()
      if (step.status === 'disagreed') return
      for (const outcome of step.outcomes) this.#run.coverage.count(`branch/deposit ${outcome.status}${'reason' in outcome ? ` ${outcome.reason}` : ''}`)
    })
  }

  /** What a call may fail with, once the process hears of it: an outage. Anything else is a fault of the code. */
  failed(error: unknown): void {
    if (isEvegramError(error) && /^(?:unavailable|limited)\./.test(error.code)) {
      this.#run.note(this.process.name, `met ${error.code}`)
      return
    }
    this.#run.broken('program', `${this.process.name}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
  }

  #loop(everyMs: readonly [number, number], step: () => Promise<void>): void {
    const { clock, random } = this.process
    const again = (): void => {
      clock.after(random.between(...everyMs), () => {
        step().catch((error: unknown) => { this.failed(error) }).finally(again)
      })
    }
    again()
  }
}

function policyOf(rules: SimulatedRules, { feeFrom, holdMs, denied }: Pick<Outside, 'feeFrom' | 'holdMs' | 'denied'>): PayoutPolicy {
  const limits = {
    payoutMin: amountOf(10n), payoutMax: amountOf(PAYOUT_MAX), accountDayMax: amountOf(PAYOUT_MAX * 2n), approvalAbove: amountOf(APPROVAL_ABOVE), topUpBelow: amountOf(100_000n),
  }
  return {
    assets: new Map(assetsOf(rules).map((asset) => [asset, { ...limits, taxPpm: TAX_RESERVE_PPM }])),
    denied, holdMs, feeReserve: { fixed: amountOf(20_000n), ppm: TAX_RESERVE_PPM }, feeFrom,
  }
}
