// Started by crash-run.ts: serves one local chain, behind fronts that lose answers and keep broadcasts back. Ends with its parent.
import { systemClock } from '@evegram/platform'
import { crashChainOf } from './chains/index.js'
import type { ChainMessage, ChainRequest } from './crash-messages.js'
import { FaultyFronts } from './faulty-front.js'

const [name = '', seed = '0'] = process.argv.slice(2)
const chain = await crashChainOf(name)
const served = await chain.serve()
// Half as long again as bytes can land: some come when they are over.
const fronts = new FaultyFronts({ clock: systemClock(), seed: Number(seed), broadcastMark: chain.broadcastMark, lateOf256: chain.lateOf256, lateMaxMs: Math.ceil(chain.validMs * 1.5) })
const [first, second] = served.endpoints

process.on('disconnect', () => process.exit())
// A signal at a terminal goes to all: the parent ends this one when it has ended the others.
process.on('SIGINT', () => undefined)
process.on('message', (request: ChainRequest) => {
  void answer(request).then(tell, (failure: unknown) => {
    console.error(failure)
    process.exit(1)
  })
})
tell({ kind: 'serving', direct: first, fronts: [await fronts.open(first), await fronts.open(second)] })

async function answer(request: ChainRequest): Promise<ChainMessage> {
  if (request.kind === 'settle') {
    await fronts.settled()
    return { kind: 'settled', counts: fronts.counts }
  }
  await served.fund(request.address, BigInt(request.amount))
  return { kind: 'funded' }
}

function tell(message: ChainMessage): void {
  process.send?.(message)
}
