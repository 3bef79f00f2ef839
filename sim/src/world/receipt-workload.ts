import { accountIdOf } from '@evegram/protocol'
import type { SimDevice, Person } from '../device/device.js'
import type { SimRandom } from '../kernel/random.js'
import type { Run } from '../kernel/run.js'
import { Pace } from './pace.js'
import { readOn, type ReceiptRoundParts } from './receipt-round.js'

/** What a {@link ReceiptWorkload} acts on. */
export interface ReceiptWorkloadParts {
  readonly run: Run
  readonly people: readonly Person[]
  readonly devices: readonly SimDevice[]
  readonly reading: ReceiptRoundParts['reading']
  readonly failed: (action: string, failure: unknown) => void
}

/** Time between two actions, in ms. */
const PACE_MS = [50, 3_000] as const
/** How often somebody looks at requests instead of reading. */
const DECIDES = 0.2

/** People read what they were sent, and decide about strangers. */
export class ReceiptWorkload {
  readonly #parts: ReceiptWorkloadParts
  readonly #random: SimRandom
  readonly #pace: Pace

  constructor(parts: ReceiptWorkloadParts) {
    this.#parts = parts
    this.#random = parts.run.random('receipts workload')
    this.#pace = new Pace(parts.run, this.#random, PACE_MS)
  }

  /** Acts from now on, until {@link stop}. */
  start(): void {
    this.#pace.start(() => { this.#act() })
  }

  /** No more actions. */
  stop(): void {
    this.#pace.stop()
  }

  #act(): void {
    const { run, people, devices, reading, failed } = this.#parts
    const running = devices.filter(({ state }) => state === 'on')
    if (running.length === 0) return
    const device = this.#random.pick(running)
    if (this.#random.chance(DECIDES)) {
      run.coverage.count('workload/decide about requests')
      this.#decide(device).catch((failure: unknown) => { failed('decide', failure) })
      return
    }
    run.coverage.count('workload/read')
    const peer = this.#random.pick(people.map(({ wallet }) => accountIdOf(wallet.walletId)).filter((account) => account !== device.account))
    readOn(device, peer, reading).catch((failure: unknown) => { failed('read', failure) })
  }

  /** Takes one of those that wait, or declines it. */
  async #decide({ client }: SimDevice): Promise<void> {
    const [request] = await client?.requests() ?? []
    if (client === undefined || request === undefined) return
    const accepts = request.group || this.#random.chance(0.7)
    if (accepts) await client.accept(request.conversation)
    else await client.decline(request.conversation)
  }
}
