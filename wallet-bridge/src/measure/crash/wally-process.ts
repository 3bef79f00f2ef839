// Started by crash-run.ts, and killed by it: the real payout flow over real stores and a real chain, and nothing else. Ends with its parent.
import { systemClock, systemRandom } from '@evegram/platform'
import { isEvegramError, sleep } from '@evegram/protocol'
import { AgreedChain } from '../../chain/agreed-chain.js'
import { PayoutFlow } from '../../flows/payout/payout-flow.js'
import { amountOf, ZERO } from '../../ledger/amount.js'
import type { AssetId } from '../../ledger/ids.js'
import { openPostgresLedger, postgresDatabase, PostgresPayoutStore, PostgresRoutes } from '../../ledger/postgres/index.js'
import { actingChain, actingLedger, actingPayouts } from './acting-parts.js'
import { Acts } from './acts.js'
import { crashChainOf } from './chains/index.js'
import type { WallyMessage, WallySettings } from './crash-messages.js'
import { crashKeyOf, planPayouts, type PlannedPayout } from './crash-payouts.js'

/** Payouts that a turn asks for at most. */
const ASKED_PER_TURN = 16
/** Pause between two turns. */
const TURN_MS = 20
const CONNECTIONS = 4

process.on('disconnect', () => process.exit())
process.once('message', (settings: WallySettings) => {
  void work(settings).catch((failure: unknown) => {
    console.error(failure)
    process.exit(1)
  })
})

async function work(settings: WallySettings): Promise<void> {
  const { chain: name, seed, stop } = settings
  const acts = new Acts(settings.actsPath, stop?.at, () => process.kill(process.pid, stop?.signal))
  const chain = await crashChainOf(name)
  const sources = settings.endpoints.map((endpoint, index) => ({ name: `endpoint ${String(index)}`, adapter: chain.sourceOf(endpoint) }))
  const agreed = new AgreedChain({ sources, alarm: ({ about }) => acts.failed(`disagreement about ${about}`) })
  const clock = systemClock()
  const database = postgresDatabase(settings.databaseUrl, { connectionsMax: CONNECTIONS })
  const ledger = await openPostgresLedger({ database, clock, random: systemRandom(), synced: true })
  const much = amountOf(10n ** 30n)
  const flow = new PayoutFlow({
    chain: actingChain(agreed, acts), ledger: actingLedger(ledger, acts), payouts: actingPayouts(new PostgresPayoutStore(ledger, database), acts),
    signer: chain.signerOf(crashKeyOf(seed, 'hot wallet')),
    policy: {
      assets: new Map([[chain.asset, { payoutMin: amountOf(1n), payoutMax: much, accountDayMax: much, approvalAbove: much, topUpBelow: ZERO }]]),
      denied: new Set(), holdMs: 0, feeReserve: { fixed: amountOf(chain.feeMax), ppm: 0 }, feeFrom: 'account',
    },
    // Play money: who may ask is not what this run is about.
    proofs: { check: async () => 'valid' }, changes: { lastAddedMs: async () => undefined },
    routes: new PostgresRoutes(database), clock, alarm: ({ kind }) => acts.failed(`alarm ${kind}`),
  })
  const planned = planPayouts(chain, seed, settings.payouts).slice(0, settings.askTo)
  process.once('message', () => { acts.arm() })
  tell({ kind: 'working' })
  for (let next = settings.askFrom; ;) {
    try {
      next = await ask(flow, chain.asset, planned, next)
      await flow.step()
    } catch (failure) {
      if (!isEvegramError(failure)) throw failure
      // Another process of Wally stands still and holds a lock, or a source did not answer: nothing is lost.
      acts.failed(failure.code)
    }
    await sleep(clock, TURN_MS)
  }
}

/** Asks for payouts from `next` on, as somebody does who does not know which of them were asked for before; where to go on. */
async function ask(flow: PayoutFlow, asset: AssetId, planned: readonly PlannedPayout[], next: number): Promise<number> {
  let made = 0
  for (let index = next; ; index++) {
    const payout = planned[index]
    if (payout === undefined || made === ASKED_PER_TURN) return index
    const { id, account, to, amount } = payout
    const answer = await flow.request({ id, account, asset, amount, to, requestedBy: account, proof: new Uint8Array(1) })
    if (answer.status === 'created') made++
    else if (answer.status !== 'exists') throw new Error(`asked again for ${id}: ${answer.status}`)
  }
}

function tell(message: WallyMessage): void {
  process.send?.(message)
}
