import { sampleSum } from '../../scrape.js'

const ANSWER_MS = 2_000
/** Its event-loop histogram looks this often, and counts from one look to the next: what is beyond it is delay. */
const EVENT_LOOP_RESOLUTION_MS = 10
const EVENT_LOOP_SAMPLE = /^evegram_nodejs_eventloop_lag_p99_seconds/

/** Event-loop delay (p99 in ms) that the process with metrics at `admin` tells; undefined when it does not answer. */
export async function scrapedDelayMs(admin: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${admin}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS) })
    return Math.max(0, sampleSum(await response.text(), EVENT_LOOP_SAMPLE) * 1_000 - EVENT_LOOP_RESOLUTION_MS)
  } catch {
    // A server without metrics, or too busy to show them: the report has a gap there.
    return undefined
  }
}
