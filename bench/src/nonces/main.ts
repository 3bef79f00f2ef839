import { randomInt } from 'node:crypto'
import { isEvegramError } from '@evegram/protocol'
import { tally } from '../attempt.js'
import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { answerOf, RawHttp } from '../raw/raw-http.js'
import { RawEnrolment } from '../raw/raw-device.js'
import type { ClusterProcess } from '../cluster-process.js'
import { NODES_OPTION, startSystem, type System } from '../system.js'
import { judgeRound, type NonceRound } from './judge.js'
import { nonceEntry } from './nonce-entry.js'

const FAULTS = ['none', 'redis', 'failover', 'cassandra', 'auth'] as const
type RoundFault = (typeof FAULTS)[number]

const { numbers, json } = readRunOptions(
  'npm run nonces -- [--verifies 1000] [--rounds 10] [--nodes 3]\n\n' +
    'Sends many copies of one good wallet proof at once, spread over all processes of auth (as many as nodes): one must win. In a cluster the primary\n' +
    'of Redis (it comes back empty; with three nodes also: its replica takes over), a node of Cassandra and a process of auth are killed with -9 in\n' +
    'the middle of rounds. More copies are sent until the cluster is whole again, and one at the end.',
  {
    verifies: { default: 1_000, min: 2, max: 20_000, help: 'copies of one proof that are sent at once' },
    rounds: { default: 10, min: 1, max: 100, help: 'proofs; no fault and the kinds of faults take turns' },
    nodes: { ...NODES_OPTION, default: 3 },
  },
)
/** The fault comes this long after the copies were let go, at most. */
const FAULT_WITHIN_MS = 150
/** Copies on their way at a time while the cluster is being mended. */
const COPIES_MEANWHILE = 8
const MEANWHILE_PAUSE_MS = 20
/** What asks a system that was just hurt asks so often: a process of auth may find its store later than the other one. */
const TRIES_MAX = 60
const TRIES_PAUSE_MS = 500
const FAULT_TEXTS: Readonly<Record<RoundFault, string>> = {
  none: 'no fault', redis: 'Redis killed, back empty', failover: 'Redis failed over to its replica', cassandra: 'a node of Cassandra killed', auth: 'a process of auth killed',
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function run(): Promise<boolean> {
  const system = await startSystem(numbers.nodes, { EVEGRAM_RATE_FACTOR: '100000' }, { auths: Math.max(2, numbers.nodes) })
  const faults = await faultsOf(system)
  try {
    const enrolment = await RawEnrolment.open(system.url)
    const rounds: (NonceRound & { readonly fault: RoundFault; readonly seconds: number; readonly breaches: readonly string[] })[] = []
    for (let index = 0; index < numbers.rounds; index++) {
      const fault = faults[index % faults.length] ?? 'none'
      const { account, bytes } = await patiently(() => nonceEntry(enrolment))
      // Connections of its own: one that was idle since the last round may be closed in the moment in which it is used again.
      const http = new RawHttp(system.url)
      const post = async (): Promise<string> => {
        try {
          const json = { entry: Buffer.from(bytes).toString('base64url') }
          return answerOf(await http.ask(`/v1/accounts/${account}/log`, { method: 'POST', json }))
        } catch {
          return 'no answer'
        }
      }
      const startedAt = performance.now()
      const posting = Promise.all(Array.from({ length: numbers.verifies }, post))
      let isWhole = false
      const meanwhile = Array.from({ length: fault === 'none' ? 0 : COPIES_MEANWHILE }, async () => {
        const answers: string[] = []
        while (!isWhole) {
          answers.push(await post())
          await sleep(MEANWHILE_PAUSE_MS)
        }
        return answers
      })
      try {
        await inflict(fault, system.cluster)
      } finally {
        isWhole = true
      }
      const answers = [...await posting, ...(await Promise.all(meanwhile)).flat()]
      const later = await untilAnswered(post)
      http.close()
      const { seq } = await patiently(() => enrolment.api.logPage(account, 0))
      const round = { answers, later, entries: seq }
      rounds.push({ ...round, fault, seconds: (performance.now() - startedAt) / 1_000, breaches: judgeRound(round, fault !== 'none') })
      if (!json) console.error(`round ${String(index + 1)}, ${FAULT_TEXTS[fault]}: ${tally(answers)}; later ${later}; entries ${String(seq)}`)
    }
    const breaches = rounds.flatMap((round, index) => round.breaches.map((breach) => `round ${String(index + 1)} (${round.fault}): ${breach}`))
    if (json) {
      const short = rounds.map(({ answers, ...rest }) => ({ ...rest, answers: tally(answers) }))
      console.log(JSON.stringify({ ...numbers, system: system.description, rounds: short, breaches, held: breaches.length === 0, machine: machineFacts() }))
    } else {
      console.log(`${system.description}: ${String(numbers.rounds)} proofs, ${String(numbers.verifies)} copies each`)
      for (const breach of breaches) console.log(`breach: ${breach}`)
      console.log(breaches.length === 0 ? 'held: every proof worked once' : 'NOT HELD')
    }
    return breaches.length === 0
  } finally {
    await system.dispose()
  }
}

/** What can be done to the system: Redis has somebody to take over where there are sentinels. */
async function faultsOf({ cluster }: System): Promise<readonly RoundFault[]> {
  if (cluster === undefined) return ['none']
  const hasSentinels = (await cluster.members()).some(({ kind }) => kind === 'sentinel')
  return FAULTS.filter((fault) => fault !== 'failover' || hasSentinels)
}

/** Resolves when what was killed is back. */
async function inflict(fault: RoundFault, cluster: System['cluster']): Promise<void> {
  if (fault === 'none' || cluster === undefined) return
  const order = fault === 'failover' ? { kind: 'failover' } as const : { kind: 'kill', name: await victimOf(fault, cluster) } as const
  await sleep(randomInt(FAULT_WITHIN_MS))
  await cluster.order(order)
}

async function victimOf(fault: 'redis' | 'cassandra' | 'auth', cluster: ClusterProcess): Promise<string> {
  const primary = fault === 'redis' ? (await cluster.order({ kind: 'primary' })).name : undefined
  const candidates = (await cluster.members()).filter(({ kind }) => kind === fault)
  const name = primary ?? candidates[randomInt(Math.max(1, candidates.length))]?.name
  if (name === undefined) throw new Error(`there is no ${fault} to kill`)
  return name
}

/** Asks as soon as the system answers again. Rejects as `ask` does when that takes too long, or when waiting does not help. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let left = TRIES_MAX; ; left--) {
    try {
      return await ask()
    } catch (error) {
      if (left === 0 || !isEvegramError(error) || error.retry !== 'after_backoff') throw error
    }
    await sleep(TRIES_PAUSE_MS)
  }
}

/** Tries once more, as often as it takes to get an answer that decides. */
async function untilAnswered(post: () => Promise<string>): Promise<string> {
  let answer = await post()
  for (let left = TRIES_MAX; left > 0 && (answer === 'no answer' || answer.startsWith('5')); left--) {
    await sleep(TRIES_PAUSE_MS)
    answer = await post()
  }
  return answer
}

process.exitCode = (await run()) ? 0 : 1
