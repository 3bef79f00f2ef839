import { Holder } from './holder.js'
import type { FromHolder, ToHolder } from './holder-calls.js'

/** Progress is told once for so many clients. */
const TELL_EVERY = 50
let holder: Holder | undefined

// The run is gone: nobody wants the rest.
process.on('disconnect', () => process.exit(0))
// What is on this channel was sent by the run, of the same build.
process.on('message', (message) => { void answer(message as ToHolder) })

async function answer(message: ToHolder): Promise<void> {
  try {
    tell({ kind: 'answer', id: message.id, answer: await perform(message) })
  } catch (error) {
    tell({ kind: 'error', id: message.id, message: error instanceof Error ? error.message : String(error) })
  }
}

async function perform(message: ToHolder): Promise<unknown> {
  if (message.call === 'hold') {
    holder = new Holder(message.order)
    return undefined
  }
  if (holder === undefined) throw new Error('nothing is held')
  switch (message.call) {
    case 'connect': return holder.connect(message.order, (live) => { if (live % TELL_EVERY === 0) tell({ kind: 'live', live }) })
    case 'cut': return holder.cut()
    case 'counts': return holder.counts(message.order)
    default: return message satisfies never
  }
}

function tell(message: FromHolder): void {
  process.send?.(message)
}
