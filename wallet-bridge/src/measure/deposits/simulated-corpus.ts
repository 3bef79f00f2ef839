import { createHash } from 'node:crypto'
import { ManualClock } from '@evegram/platform'
import { EvegramError, isEvegramError, utf8, type Random } from '@evegram/protocol'
import { AgreedChain } from '../../chain/agreed-chain.js'
import type { ChainAddress, ChainTxid } from '../../chain/chain-adapter.js'
import { countingRandom } from '../../chain/counting-random.js'
import { simulatedAddressOf } from '../../chain/simulated/address.js'
import { openSimulatedNetwork, type SimulatedNetwork } from '../../chain/simulated/network.js'
import type { SimulatedRecord } from '../../chain/simulated/record.js'
import { honest, type RpcFaults } from '../../chain/simulated/rpc.js'
import { simulatedRules, type SimulatedRules } from '../../chain/simulated/rules.js'
import { simulatedSigner } from '../../chain/simulated/signer.js'
import type { Signer } from '../../chain/signer.js'
import { newDepositCode, type DepositCode } from '../../flows/deposit/deposit-code.js'
import { custodyOf, DepositFlow, type DepositAlarm } from '../../flows/deposit/deposit-flow.js'
import type { DepositRoutes } from '../../flows/deposit/deposit-routes.js'
import { openingOf } from '../../ledger/account.js'
import { amountOf } from '../../ledger/amount.js'
import { assetIdOf, depositTransferId, parsePurpose, userTransferId, type AssetId } from '../../ledger/ids.js'
import type { LedgerStore } from '../../ledger/ledger-store.js'
import { isDone } from '../../ledger/transfer-status.js'
import { DEPOSIT_CORPUS, type AssetName, type Change, type DepositCase, type Lie, type Memo, type Place, type Step } from './corpus.js'
import { bookingsBehind, PERSONS, type CaseOutcome, type CaseStores, type DepositCorpus, type Person } from './deposit-corpus.js'

const LEAST: Readonly<Partial<Record<AssetName, bigint>>> = { native: 1_000n, token: 1n }
const OUTSIDE_FUNDS = 1_000_000_000n
/** Scans after which a case that gets no further is over. */
const SCANS_MAX = 50

/** The cases of the simulated chain, each on a chain of its own. */
export const simulatedCorpus: DepositCorpus = {
  name: 'simulated',
  cases: DEPOSIT_CORPUS.map((one) => ({ name: one.name, booked: bookedOf(one) })),
  open: async (stores) => ({
    play: async (index) => {
      const one = DEPOSIT_CORPUS[index]
      if (one === undefined) throw new EvegramError('invalid.argument', { operation: 'play deposit case' })
      return runDepositCase(one, stores, `case${String(index)}`)
    },
    close: async () => {
      // Nothing is open: each case makes and drops its chain.
    },
  }),
}

function bookedOf({ booked }: DepositCase): readonly string[] {
  return booked.map(({ at, amount, asset = 'native' }) => `${at}:${asset} ${String(amount)}`).sort()
}

/** Plays one case on a simulated chain of its own, through two endpoints that must agree. `chain`: a name that no other case in these stores has. */
async function runDepositCase(one: DepositCase, stores: CaseStores, chain: string): Promise<CaseOutcome> {
  const begun = await stores.ledger.head()
  const world = await CaseWorld.open(one, stores, chain)
  for (const step of one.steps) await world.play(step)
  await world.finish()
  return {
    expected: bookedOf(one),
    made: await world.bookings(begun.number),
    alarmsExpected: [...one.alarms ?? []].sort(),
    alarms: world.alarmReasons(),
  }
}

class CaseWorld {
  readonly #ledger: LedgerStore
  readonly #clock: ManualClock
  readonly #rules: SimulatedRules
  readonly #network: SimulatedNetwork
  readonly #agreed: AgreedChain
  readonly #routes: DepositRoutes
  readonly #signers: Readonly<Record<Place, Signer>>
  readonly #codes: Readonly<Record<Person | 'unknown', DepositCode>>
  readonly #named = new Map<string, ChainTxid>()
  readonly #alarms = new Map<string, DepositAlarm>()
  #flow: DepositFlow

  private constructor(parts: {
    readonly stores: CaseStores; readonly clock: ManualClock; readonly rules: SimulatedRules; readonly network: SimulatedNetwork; readonly random: Random
  }) {
    this.#ledger = parts.stores.ledger
    this.#routes = parts.stores.routes
    this.#clock = parts.clock
    this.#rules = parts.rules
    this.#network = parts.network
    const { random } = parts
    const signer = (): Signer => simulatedSigner(random.bytes(32))
    this.#signers = { alice: signer(), bob: signer(), shared: signer(), hot: signer(), outside: signer() }
    this.#codes = { alice: newDepositCode(random), bob: newDepositCode(random), unknown: newDepositCode(random) }
    this.#agreed = new AgreedChain({ sources: parts.network.endpoints, alarm: () => undefined })
    this.#flow = this.#newFlow(this.#ledger)
  }

  static async open(one: DepositCase, stores: CaseStores, chain: string): Promise<CaseWorld> {
    const rules = simulatedRules(one.profile ?? 'ton', chain)
    const clock = new ManualClock()
    const random = countingRandom(one.name)
    const world = new CaseWorld({ stores, clock, rules, random, network: await openSimulatedNetwork({ rules, clock, random }) })
    await world.#giveRoutes()
    world.#network.chain.script({ changes: [{ address: world.#addressOf('outside'), asset: rules.nativeAsset, delta: OUTSIDE_FUNDS }] })
    await world.#final()
    return world
  }

  async play(step: Step): Promise<void> {
    const { chain } = this.#network
    switch (step.do) {
      case 'transaction': {
        const changes = (step.changes ?? step.claims).map(({ at, amount, asset }) => ({ address: this.#addressOf(at), asset: this.#asset(asset), delta: amount }))
        const from = step.from === undefined ? simulatedAddressOf(utf8('a stranger')) : this.#addressOf(step.from)
        const claims = step.claims.map((claim) => this.#claim(claim))
        return this.#name(step.as, chain.script({ from, claims, changes, memo: this.#memo(step.memo), failed: step.failed }))
      }
      case 'payment':
        return this.#pay(step)
      case 'blocks':
        return this.#blocks(step.count)
      case 'final':
        return this.#final()
      case 'scan':
        await this.#scan()
        return
      case 'scan_twice_at_once':
        await Promise.all([this.#flow.step(), this.#newFlow(this.#ledger).step()])
        return
      case 'restart':
        this.#flow = this.#newFlow(this.#ledger)
        return
      case 'crash_at_cursor':
        return this.#crashAtCursor()
      case 'reorganise':
        chain.reorganise(step.depth, step.fate)
        return
      case 'hold_finality':
        chain.holdFinality(step.held)
        return
      case 'lie':
        for (const endpoint of step.endpoints) this.#lie(this.#faults(endpoint), step.lie)
        return
      case 'heal':
        for (const endpoint of [0, 1]) Object.assign(this.#faults(endpoint), honest())
        return
      case 'tax':
        chain.changeRules({ taxPpm: step.ppm })
        return
      case 'refuse_at':
        chain.refuseAt(this.#addressOf(step.place))
        return
      case 'close_account': {
        const opening = openingOf('user', PERSONS[step.of], this.#rules.nativeAsset)
        await this.#ledger.openAccounts([opening])
        const closed = await this.#ledger.closeAccount(opening.id)
        if (closed !== 'closed') throw new EvegramError('internal', { operation: 'close account of case', details: { closed } })
        return
      }
      case 'give_unknown_code':
        await this.#routes.giveCode(this.#codes.unknown, PERSONS[step.to])
        return
      case 'squat_as_client':
        return this.#squatAsClient(this.#txid(step.of))
      case 'squat':
        return this.#squat(this.#txid(step.of), step.amount, step.debit)
    }
  }

  /** Everything becomes final and is scanned, as far as the endpoints let it. */
  async finish(): Promise<void> {
    await this.#final()
    for (let scans = 0; scans < SCANS_MAX; scans++) if (!await this.#scan()) return
  }

  /** What was booked as a deposit or into suspense, from the events of the ledger behind `number`. */
  bookings(number: number): Promise<readonly string[]> {
    return bookingsBehind(this.#ledger, number, (asset) => this.#assetName(asset))
  }

  /** Reasons of alarms, one for each transfer. */
  alarmReasons(): readonly string[] {
    return [...this.#alarms.values()].map(({ reason }) => reason).sort()
  }

  async #giveRoutes(): Promise<void> {
    const { chain } = this.#rules
    for (const person of ['alice', 'bob'] as const) {
      await this.#routes.giveAddress(chain, this.#addressOf(person), { to: 'account', account: PERSONS[person] })
      await this.#routes.giveCode(this.#codes[person], PERSONS[person])
    }
    await this.#routes.giveAddress(chain, this.#addressOf('shared'), { to: 'memo' })
    await this.#routes.giveAddress(chain, this.#addressOf('hot'), { to: 'nobody' })
  }

  #newFlow(ledger: LedgerStore): DepositFlow {
    const assets = new Map(Object.entries(LEAST).map(([name, least]) => [this.#asset(name as AssetName), amountOf(least)]))
    return new DepositFlow({
      chain: this.#agreed, ledger, routes: this.#routes, assets, alarm: (alarm) => this.#alarms.set(`${alarm.reason} ${alarm.transfer}`, alarm),
    })
  }

  #faults(endpoint: number): RpcFaults {
    const found = this.#network.endpoints[endpoint]
    if (found === undefined) throw new EvegramError('internal', { operation: 'find endpoint of case' })
    return found.rpc.faults
  }

  #lie(faults: RpcFaults, lie: Lie): void {
    const alter = (of: string, change: (record: SimulatedRecord) => Partial<SimulatedRecord>): void => {
      faults.altered.set(this.#txid(of), (record) => ({ ...record, ...change(record) }))
    }
    const { chain } = this.#network
    switch (lie.kind) {
      case 'hides':
        faults.hidden.add(this.#txid(lie.of))
        return
      case 'invents_again': {
        const found = chain.find(this.#txid(lie.of))
        if (found !== undefined) faults.invented.set(found.height, found.record)
        return
      }
      case 'tells_amount':
        return alter(lie.of, ({ changes }) => ({ changes: changes.map((change) => ({ ...change, delta: lie.amount })) }))
      case 'tells_recipient':
        return alter(lie.of, ({ changes }) => ({ changes: changes.map((change) => ({ ...change, address: this.#addressOf(lie.to) })) }))
      case 'tells_memo':
        return alter(lie.of, () => ({ memo: this.#memo(lie.memo) }))
      case 'invents': {
        const txid = createHash('sha256').update('invented').digest('hex') as ChainTxid
        const changes = [{ address: this.#addressOf(lie.to), asset: this.#rules.nativeAsset, delta: lie.amount }]
        faults.invented.set(chain.head.final, { txid, failed: false, from: undefined, fee: 0n, memo: undefined, claims: [], outputs: [], changes, returnOf: undefined, sequence: undefined })
        return
      }
      case 'lags':
        faults.lagBlocks = lie.blocks
        return
      case 'final_ahead':
        faults.finalAheadBlocks = lie.blocks
        return
      case 'is_down':
        faults.isDown = true
    }
  }

  async #pay({ from, outputs, memo, as }: Extract<Step, { readonly do: 'payment' }>): Promise<void> {
    const [endpoint] = this.#network.endpoints
    const answer = await endpoint?.adapter.sign({
      outputs: outputs.map(({ at, amount, asset }) => ({ to: this.#addressOf(at), asset: this.#asset(asset), amount: amountOf(amount) })),
      memo: this.#memo(memo), feeMax: amountOf(10n ** 9n), inFlight: [],
    }, this.#signers[from])
    if (answer?.status !== 'signed') throw new EvegramError('internal', { operation: 'sign payment of case', details: { status: answer?.status } })
    this.#name(as, answer.payment.txid)
    this.#network.chain.submit(answer.payment.bytes)
  }

  /** True when it got further. An endpoint that does not answer is waited for. */
  async #scan(): Promise<boolean> {
    try {
      const before = await this.#ledger.cursor(`deposits-${this.#rules.chain}`)
      const step = await this.#flow.step()
      return step.status === 'done' && step.through > before
    } catch (error) {
      if (isEvegramError(error, 'unavailable.chain')) return false
      throw error
    }
  }

  async #crashAtCursor(): Promise<void> {
    const crash = new Error('the process died')
    try {
      await this.#newFlow(dyingAtCursor(this.#ledger, crash)).step()
    } catch (error) {
      if (error !== crash) throw error
    }
    this.#flow = this.#newFlow(this.#ledger)
  }

  async #squatAsClient(txid: ChainTxid): Promise<void> {
    const wanted = depositTransferId(this.#rules.chain, txid, 0)
    let isRefused = false
    try {
      userTransferId(PERSONS.bob, wanted)
    } catch (error) {
      isRefused = isEvegramError(error, 'invalid.argument')
    }
    if (!isRefused) throw new EvegramError('internal', { operation: 'refuse id of client' })
    // As near as a client can come.
    await this.#move(userTransferId(PERSONS.bob, wanted.replaceAll(':', '.').slice(0, 64)), 5n, 'equity')
  }

  #squat(txid: ChainTxid, amount: bigint, debit: 'custody' | 'equity'): Promise<void> {
    return this.#move(depositTransferId(this.#rules.chain, txid, 0), amount, debit)
  }

  async #move(id: Parameters<LedgerStore['transfers']>[0][number], amount: bigint, from: 'custody' | 'equity'): Promise<void> {
    const { nativeAsset } = this.#rules
    const [debit, credit] = [from === 'custody' ? custodyOf(nativeAsset) : openingOf('equity', 'operator', nativeAsset), openingOf('user', PERSONS.bob, nativeAsset)]
    await this.#ledger.openAccounts([debit, credit])
    const request = { kind: 'transfer', id, debit: debit.id, credit: credit.id, amount: amountOf(amount), purpose: parsePurpose('planted') } as const
    const [result] = await this.#ledger.submit({ linked: false, transfers: [request] })
    if (result === undefined || !isDone(result)) throw new EvegramError('internal', { operation: 'plant transfer', details: { status: result?.status } })
  }

  #name(as: string | undefined, txid: ChainTxid): void {
    if (as !== undefined) this.#named.set(as, txid)
  }

  #txid(name: string): ChainTxid {
    const txid = this.#named.get(name)
    if (txid === undefined) throw new EvegramError('invalid.argument', { operation: 'name transaction of case', details: { name } })
    return txid
  }

  async #blocks(count: number): Promise<void> {
    for (let block = 0; block < count; block++) {
      this.#clock.advance(this.#rules.blockMs)
      await this.#network.chain.produceBlock()
    }
  }

  #final(): Promise<void> {
    return this.#blocks(this.#rules.finalityBlocks + 2)
  }

  #addressOf(place: Place): ChainAddress {
    return simulatedAddressOf(this.#signers[place].publicKey)
  }

  #asset(name: AssetName = 'native'): AssetId {
    return name === 'native' ? this.#rules.nativeAsset : assetIdOf(this.#rules.chain, name)
  }

  #assetName(asset: string): string {
    return asset === this.#rules.nativeAsset ? 'native' : asset.slice(asset.indexOf('/') + 1)
  }

  #claim({ at, amount, asset }: Change): { readonly to: ChainAddress; readonly asset: AssetId; readonly amount: bigint } {
    return { to: this.#addressOf(at), asset: this.#asset(asset), amount }
  }

  #memo(memo: Memo | undefined): Uint8Array | undefined {
    if (memo === undefined) return undefined
    if ('text' in memo) return utf8(memo.text)
    if ('bytes' in memo) return Uint8Array.from(memo.bytes)
    if ('addressOf' in memo) return utf8(this.#addressOf(memo.addressOf))
    if ('unknownCode' in memo) return utf8(this.#codes.unknown)
    const { codeOf, before = '', behind = '', typos = [], shape } = memo
    return utf8(before + withTypos(shaped(this.#codes[codeOf], shape), typos) + behind)
  }
}

function shaped(code: string, shape: Extract<Memo, { readonly codeOf: Person }>['shape']): string {
  switch (shape) {
    case undefined:
      return code
    case 'capitals':
      return code.toUpperCase()
    case 'mixed':
      return code.slice(0, 3).toUpperCase() + code.slice(3)
    case 'doubled':
      return code + code
    case 'cut':
      return code.slice(0, -1)
    case 'swapped': {
      // Two neighbours that differ.
      const at = [...code].findIndex((character, index) => index > 3 && character !== code[index + 1])
      return code.slice(0, at) + (code[at + 1] ?? '') + (code[at] ?? '') + code.slice(at + 2)
    }
  }
}

/** A typo is another character, whatever stood there. */
function withTypos(code: string, typos: readonly (readonly [number, string])[]): string {
  const characters = [...code]
  for (const [at, character] of typos) characters[at] = characters[at] === character ? 'l' : character
  return characters.join('')
}

/** The ledger as a process sees it that dies when it is about to move its cursor. */
function dyingAtCursor(ledger: LedgerStore, crash: Error): LedgerStore {
  return {
    openAccounts: (openings) => ledger.openAccounts(openings),
    closeAccount: (id) => ledger.closeAccount(id),
    submit: (submission) => ledger.submit(submission),
    expire: (limit) => ledger.expire(limit),
    accounts: (ids) => ledger.accounts(ids),
    accountsAfter: (after, limit) => ledger.accountsAfter(after, limit),
    transfers: (ids) => ledger.transfers(ids),
    openPendings: (after, limit) => ledger.openPendings(after, limit),
    head: () => ledger.head(),
    events: (after, limit) => ledger.events(after, limit),
    cursor: (name) => ledger.cursor(name),
    moveCursor: () => Promise.reject(crash),
    close: () => ledger.close(),
  }
}
