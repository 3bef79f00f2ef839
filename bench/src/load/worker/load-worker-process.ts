import { monotonicUs } from '../measure/monotonic.js'
import { LoadWorker } from './load-worker.js'
import type { FromWorker, ToWorker } from './worker-calls.js'

let worker: LoadWorker | undefined

// The coordinator is gone: nobody wants the rest.
process.on('disconnect', () => process.exit(0))
// What is on this channel was sent by the coordinator, of the same build.
process.on('message', (message) => { void answer(message as ToWorker) })

async function answer(message: ToWorker): Promise<void> {
  try {
    tell({ kind: 'answer', id: message.id, answer: await perform(message) })
  } catch (error) {
    tell({ kind: 'error', id: message.id, message: error instanceof Error ? error.message : String(error) })
  }
}

async function perform(message: ToWorker): Promise<unknown> {
  if (message.call === 'clock') return monotonicUs()
  if (message.call === 'prepare') {
    worker = await LoadWorker.prepare(message.order, (done) => { tell({ kind: 'ready', done }) })
    return undefined
  }
  if (message.call === 'end') {
    await worker?.end()
    return undefined
  }
  if (worker === undefined) throw new Error('nothing was prepared')
  switch (message.call) {
    case 'found': return worker.found(message.order)
    case 'join': return worker.join(message.order)
    case 'run': return worker.run(message.order, (tick) => { tell({ kind: 'tick', tick }) })
    case 'stop': return worker.stop()
    case 'report': return worker.report()
    case 'figures': return worker.figures()
    default: return message satisfies never
  }
}

function tell(message: FromWorker): void {
  process.send?.(message)
}
