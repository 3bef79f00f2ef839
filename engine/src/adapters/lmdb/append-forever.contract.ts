// A process of its own for tests that kill it or take its disk away: appends without end and says what was acknowledged.
// Arguments: folder of the store. Lines out: `ready`, `acked <conversation> <number> <timeMs> <incarnation> <counter>`, `refused <code> <errno>`.
import { writeSync } from 'node:fs'
import { systemClock } from '@evegram/platform'
import { isEvegramError } from '@evegram/protocol'
import type { AppendResult, BatchedAppend, BatchedResult } from '../../ports/envelope-log.js'
import { sampleAccount, sampleConversation, sampleEnvelope } from '../../ports/sample-envelope.contract.js'
import { openEngineStore } from './store.js'

const CONVERSATIONS = 5
const IN_FLIGHT = 40
const STDOUT = 1
/** Pause after a refusal, so that a full disk does not fill the pipe. */
const REFUSED_PAUSE_MS = 20

const clock = systemClock()
const store = openEngineStore({ dir: process.argv[2] ?? '', clock })
const { incarnation } = await store.nodeRegistry.claim()
let counter = 0

// Written at once, not queued in the process: what was said must have happened, and what happened may be unsaid.
const say = (line: string): void => { writeSync(STDOUT, `${line}\n`) }

/** What the lanes want to append in this turn: it goes as one batch, so that the log makes bundles of it. */
let waiting: { readonly append: BatchedAppend; readonly ended: (result: BatchedResult) => void }[] = []

function append(one: BatchedAppend): Promise<AppendResult> {
  return new Promise((resolve, reject) => {
    const ended = (result: BatchedResult): void => {
      if (result.status !== 'failed') resolve(result)
      else reject(result.failure instanceof Error ? result.failure : new Error('an append failed without a reason'))
    }
    if (waiting.push({ append: one, ended }) > 1) return
    setImmediate(() => {
      const batch = waiting
      waiting = []
      store.envelopeLog.appendAll(batch.map((each) => each.append), (index, result) => { batch[index]?.ended(result) })
    })
  })
}

async function appendForever(lane: number): Promise<never> {
  for (let round = 0; ; round++) {
    // Numbers rise within an incarnation; a retry of an unanswered append would be a message of its own here.
    const number = incarnation * 1_000_000 + round * IN_FLIGHT + lane
    const conversation = sampleConversation(number % CONVERSATIONS)
    counter++
    const position = { timeMs: clock.now(), incarnation, counter }
    try {
      const envelope = sampleEnvelope({ conversation, number, fill: number % 251, bodyBytes: 200 + (number % 7) * 100 })
      const result = await append({ conversation, envelope, position, inboxes: [sampleAccount(1)] })
      say(`acked ${conversation} ${number} ${result.position.timeMs} ${result.position.incarnation} ${result.position.counter}`)
    } catch (error) {
      if (!isEvegramError(error, 'unavailable.envelope_log')) throw error
      say(`refused ${error.code} ${String(error.details?.['errno'])}`)
      await new Promise((resolve) => { clock.after(REFUSED_PAUSE_MS, () => { resolve(undefined) }) })
    }
  }
}

say('ready')
await Promise.all(Array.from({ length: IN_FLIGHT }, (_, lane) => appendForever(lane)))
