import { parseAccountId, utf8, type AccountId } from '@evegram/protocol'
import {
  amountOf, assetIdOf, newDepositCode, payoutIdOf, simulatedAddressOf,
  type ChainAddress, type PayoutAnswer, type PayoutAsk, type ScriptedTransaction, type Signer, type SimulatedChain, type SimulatedChainAdapter,
} from '@evegram/wallet-bridge'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import type { Places } from './chain-truth.js'
import { DEPOSIT_MIN, PAYOUT_MAX, type Wally } from './wally.js'

/** Who has accounts. */
export const PEOPLE: readonly AccountId[] = ['a11ce', 'b0b'].map((name) => parseAccountId(name.padEnd(32, '0')))

/** Something that somebody asks for until it is answered. */
interface Asking {
  readonly name: string
  readonly ask: PayoutAsk
  /** What may be answered. */
  readonly answers: readonly string[]
  /** The process that has the question now. */
  asked: Wally | undefined
  answered: boolean
}

/** Parts of {@link PayoutWorkload}. */
export interface PayoutWorkloadParts {
  readonly run: Run
  readonly chain: SimulatedChain
  readonly places: Places
  /** Signs and asks for somebody else, past every fault. */
  readonly stranger: { readonly adapter: SimulatedChainAdapter; readonly signer: Signer; readonly address: ChainAddress }
  /** Processes that live. */
  readonly wallies: () => readonly Wally[]
}

const DEPOSITS = ['own address', 'own address', 'memo', 'memo unknown', 'memo unreadable', 'memo missing', 'dust', 'claims', 'failed', 'unknown asset', 'to the hot wallet', 'half'] as const

/** The address of somebody of whom nobody has the key. */
export function somebody(name: string): ChainAddress {
  return simulatedAddressOf(utf8(name))
}

/** What people do: ask for payouts, again and otherwise too, and pay in in every way. */
export class PayoutWorkload {
  readonly #parts: PayoutWorkloadParts
  readonly #random: SimRandom
  readonly #asks: Asking[] = []

  constructor(parts: PayoutWorkloadParts) {
    this.#parts = parts
    this.#random = parts.run.random('workload')
  }

  /** Who is to be paid so far. */
  readonly recipients: ChainAddress[] = []

  /** Asks for payout `number`, and perhaps for the same again, or for something else under its id. */
  askFor(number: number): void {
    const { run, chain } = this.#parts
    const random = this.#random
    const name = `pay-${String(number)}`
    const account = random.pick(PEOPLE)
    // Often so much that two of them are more than anybody has.
    const amount = BigInt(random.chance(0.4) ? random.between(2_500_000, Number(PAYOUT_MAX)) : Math.floor(random.skewed(1_000, Number(PAYOUT_MAX))))
    const to = somebody(name)
    // Where a tax is taken of another asset too, as often that one.
    const [taxed] = chain.rules.taxedAssets
    const asset = taxed !== undefined && random.chance(0.5) ? taxed : chain.rules.nativeAsset
    this.recipients.push(to)
    const ask: PayoutAsk = {
      id: payoutIdOf(account, name), account, asset, amount: amountOf(amount), to, memo: utf8(name), requestedBy: account, proof: new Uint8Array(1),
    }
    run.note('people', `${name} asks for ${String(amount)} of ${asset}`)
    this.#asks.push({ name, ask, answers: ['created', 'exists'], asked: undefined, answered: false })
    if (random.chance(0.2)) this.#asks.push({ name: `${name} again`, ask, answers: ['created', 'exists'], asked: undefined, answered: false })
    if (random.chance(0.1)) {
      const proofless = { ...ask, id: payoutIdOf(account, `no-proof-${String(number)}`), proof: new Uint8Array(2) }
      this.#asks.push({ name: `${name} without proof`, ask: proofless, answers: ['refused proof_invalid'], asked: undefined, answered: false })
    }
    if (random.chance(0.1)) {
      const ours = { ...ask, id: payoutIdOf(account, `ours-${String(number)}`), to: this.#parts.places.hot }
      this.#asks.push({ name: `${name} to ourselves`, ask: ours, answers: ['refused destination_ours'], asked: undefined, answered: false })
    }
  }

  /** Hands over what has no answer yet: who has asked a process that died asks another one. */
  pump(): void {
    const live = this.#parts.wallies()
    for (const asking of this.#asks) {
      const { asked, answered, ask } = asking
      if (answered || (asked?.process.alive === true) || live.length === 0) continue
      const wally = this.#random.pick(live)
      asking.asked = wally
      wally.payouts.request(ask).then(
        (answer) => {
          asking.answered = true
          this.#answered(asking, answer)
        },
        (error: unknown) => {
          wally.failed(error)
          asking.asked = undefined
        },
      )
    }
  }

  /** Whether everybody has an answer. */
  get isAnswered(): boolean {
    return this.#asks.every(({ answered }) => answered)
  }

  /** Somebody pays in, or seems to. */
  payIn(): void {
    const { run, chain, places } = this.#parts
    const random = this.#random
    const kind = random.pick(DEPOSITS)
    run.coverage.count(`workload/deposit ${kind}`)
    run.note('people', `a deposit: ${kind}`)
    const native = chain.rules.nativeAsset
    const amount = BigInt(random.between(Number(DEPOSIT_MIN), 2_000_000))
    const own = random.pick([...places.accounts.keys()])
    const pay = (to: ChainAddress, memo?: string, changes: Partial<ScriptedTransaction> = {}): void => {
      chain.script({
        from: somebody('somebody'), claims: [{ to, asset: native, amount }], changes: [{ address: to, asset: native, delta: amount }],
        memo: memo === undefined ? undefined : utf8(memo), ...changes,
      })
    }
    const code = random.pick([...places.codes.keys()])
    switch (kind) {
      case 'own address':
        pay(own)
        return
      case 'memo':
        pay(places.shared, code)
        return
      case 'memo unknown':
        // A code that nobody was given.
        pay(places.shared, newDepositCode(random))
        return
      case 'memo unreadable':
        pay(places.shared, `${code.slice(0, -1)}\u0000`)
        return
      case 'memo missing':
        pay(places.shared)
        return
      case 'dust':
        pay(own, undefined, { changes: [{ address: own, asset: native, delta: DEPOSIT_MIN - 1n }] })
        return
      case 'claims':
        // A token that keeps something back, or a lie: what arrives counts.
        pay(own, undefined, { claims: [{ to: own, asset: native, amount: amount * 1_000n }] })
        return
      case 'failed':
        pay(own, undefined, { failed: true, changes: [] })
        return
      case 'unknown asset':
        pay(own, undefined, { changes: [{ address: own, asset: assetIdOf(chain.rules.chain, 'junk'), delta: amount }] })
        return
      case 'to the hot wallet':
        pay(places.hot)
        return
      case 'half':
        this.#payHalf()
        return
      default:
        kind satisfies never
    }
  }

  /** One payment to several of ours, of which not all can be paid: by the chain it happens in part, or not at all. */
  #payHalf(): void {
    const { chain, places, stranger: { adapter, signer, address } } = this.#parts
    const asset = chain.rules.nativeAsset
    const refuser = somebody('refuser')
    chain.refuseAt(refuser)
    const outputs = [...places.accounts.keys(), refuser].map((to) => ({ to, asset, amount: amountOf(400_000n) }))
    adapter.sign({ outputs, feeMax: amountOf(10n ** 9n), inFlight: [] }, signer).then(
      (answer) => {
        if (answer.status !== 'signed') return
        const held = chain.balanceAt(address, asset, chain.head.latest) ?? 0n
        const left = this.#random.pick([500_000n, 900_000n, 5_000_000n])
        if (held > left) chain.script({ changes: [{ address, asset, delta: left - held }] })
        chain.submit(answer.payment.bytes)
      },
      // Nothing stands between this adapter and the chain.
      (error: unknown) => { this.#parts.run.broken('program', `the stranger could not sign: ${String(error)}`) },
    )
  }

  #answered({ name, answers }: Asking, answer: PayoutAnswer): void {
    const said = answer.status === 'refused' ? `refused ${answer.reason}` : answer.status
    this.#parts.run.note('people', `${name}: ${said}`)
    this.#parts.run.coverage.count(`answer/${said}`)
    // A limit may always be met.
    const isLimit = said === 'refused day_limit' || said === 'refused destination_denied'
    if (!answers.includes(said) && !isLimit) this.#parts.run.broken('P9', `${name} was answered ${said}`)
  }
}
