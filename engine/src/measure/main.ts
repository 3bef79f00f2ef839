// npm run resume, npm run churn: what the real adapters cost on Cassandra, for days that no client can make. tools/measure.mjs starts the services.
import { readMeasureOptions, wrongUsage, type MeasureOptions } from '@evegram/platform'
import { measureChurn } from './churn-cost.js'
import { measureResume, type ResumeCost, type ResumeShape } from './resume-cost.js'
import { openMeasuredStore } from './store-under-measure.js'

const HELP = `npm run resume -- [--days 30] [--conversations 200] [--changed 3]
  What it costs to bring back a device that was away for 20 minutes, for accounts with more and more history.
npm run churn -- [--days 30] [--conversations 50] [--messages 4] [--dayMs 2000] [--busy 128]
  Days in quick motion (2 s each, rows expire after 31 of them): tombstones that reads meet, largest partition. In the last hour an ordinary and a wide
  conversation get 128 MiB each by three engines (--busy, 0 for none), which are read again by a fourth.
  --json  the result as one JSON object
Exit codes: 0 all held, 1 something did not, 2 wrong usage.`

/** Reads of a resume may differ by this between shapes: the hour that a window ends in, pages. */
const READS_SPREAD = 6
const TOMBSTONES_MAX = 100
const PARTITION_BYTES_MAX = 100 * 1_048_576
const NUMBERS = {
  days: [30, 1, 400], conversations: [200, 1, 5_000], changed: [3, 1, 5_000], messages: [4, 1, 1_000], dayMs: [2_000, 1, 60_000], busy: [128, 0, 4_096],
} as const

type Options = MeasureOptions<keyof typeof NUMBERS, never>

function readOptions(args: readonly string[], isChurn: boolean): Options {
  const options = readMeasureOptions(args, { help: HELP, numbers: { ...NUMBERS, ...(isChurn ? { conversations: [50, 1, 5_000] as const } : {}) } })
  return isChurn || options.changed <= options.conversations ? options : wrongUsage('--changed must not be more than --conversations.', HELP)
}

/** One line that changes on a terminal; a line for every tenth elsewhere. */
function showProgress(text: string, share: number): void {
  const { isTTY } = process.stderr
  if (isTTY) process.stderr.write(`\r${text}${share < 1 ? '' : '\n'}`)
  else {
    const tenth = Math.floor(share * 10)
    if (tenth !== shownTenth) process.stderr.write(`${text}\n`)
    shownTenth = tenth
  }
}
let shownTenth = 0

async function resume(store: () => ReturnType<typeof openMeasuredStore>, options: Options): Promise<boolean> {
  const { days, conversations, changed, json } = options
  const shapes: readonly ResumeShape[] = [
    { days: 1, conversations: changed, changed }, { days: 1, conversations, changed }, { days, conversations: changed, changed }, { days, conversations, changed },
  ]
  const costs: ResumeCost[] = []
  for (const shape of shapes) {
    const { session, ...measured } = await store()
    try {
      costs.push(await measureResume({ session, ...measured }, shape, (share) => {
        if (!json) showProgress(`${String(shape.days)} days, ${String(shape.conversations)} conversations: ${(share * 100).toFixed(0)} % written`, share)
      }))
    } finally {
      await session.close()
    }
  }
  const missed = changed * 2
  const reads = costs.map((cost) => cost.reads)
  const held = costs.every((cost) => cost.missed === missed) && Math.max(...reads) - Math.min(...reads) <= READS_SPREAD
  if (json) console.log(JSON.stringify({ costs, held }))
  else {
    console.log('days  conversations  changed  missed  store reads     ms')
    for (const cost of costs) {
      console.log(String(cost.days).padStart(4) + String(cost.conversations).padStart(15) + String(cost.changed).padStart(9) + String(cost.missed).padStart(8) +
        String(cost.reads).padStart(13) + cost.ms.toFixed(1).padStart(7))
    }
    console.log(held ? 'held: store reads grow with what changed, not with days or quiet conversations' : 'NOT HELD')
  }
  return held
}

async function churn(store: () => ReturnType<typeof openMeasuredStore>, options: Options): Promise<boolean> {
  const { days, conversations, messages, dayMs, busy, json } = options
  const measured = await store()
  try {
    // Twice as many days as rows live, so that what expired lies beside what did not.
    const cost = await measureChurn(measured, { days: days * 2, conversations, messages, dayMs, busy }, (day) => {
      if (!json) showProgress(`day ${String(day)} of ${String(days * 2)}`, day / (days * 2))
    })
    const held = cost.tombstonesP99 < TOMBSTONES_MAX && cost.largestPartitionBytes < PARTITION_BYTES_MAX && cost.busyHours.every(({ isWhole }) => isWhole)
    if (json) console.log(JSON.stringify({ ...cost, held }))
    else {
      console.log(`${String(cost.days)} days, ${String(conversations)} conversations, ${String(messages)} messages each a day; ${String(cost.resumes)} devices came back, ${String(cost.missed)} envelopes`)
      for (const { table, tombstonesP99, largestPartitionBytes } of cost.tables) {
        console.log(`${table.padEnd(18)} tombstones a read p99 ${String(tombstonesP99).padStart(5)}   largest partition ${(largestPartitionBytes / 1_048_576).toFixed(1)} MiB`)
      }
      for (const { conversation, envelopes, bytes, partitions, isWhole } of cost.busyHours) {
        console.log(`an hour of ${(bytes / 1_048_576).toFixed(0)} MiB in one ${conversation} conversation: ${String(partitions)} partitions; ` +
          (isWhole ? `all ${String(envelopes)} envelopes read in order` : 'NOT ALL OF IT IS READ IN ORDER'))
      }
      console.log(`most tombstones of one read ${String(cost.tombstonesMax)}; limits: p99 under ${String(TOMBSTONES_MAX)}, partitions under 100 MiB`)
      console.log(held ? 'held' : 'NOT HELD')
    }
    return held
  } finally {
    await measured.session.close()
  }
}

/** Prints help and ends with 0 when `args` ask for it; ends with 2 and a sentence for anything wrong in them. */
export function checkArguments(name: string, args: readonly string[]): void {
  readOptions(args, name === 'churn')
}

/** Runs `name` on Cassandra at `contactPoints`. */
export async function measure(name: string, args: readonly string[], cassandra: { readonly contactPoints: readonly string[]; readonly dataCenter: string; readonly copies: number }): Promise<boolean> {
  const options = readOptions(args, name === 'churn')
  const store = (): ReturnType<typeof openMeasuredStore> => openMeasuredStore(cassandra.contactPoints, cassandra.dataCenter, cassandra.copies)
  return name === 'churn' ? churn(store, options) : resume(store, options)
}
