import { randomInt } from 'node:crypto'
import { tally } from '../attempt.js'
import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { answerOf, RawHttp } from '../raw/raw-http.js'
import { RawEnrolment } from '../raw/raw-device.js'
import { NODES_OPTION, startSystem } from '../system.js'
import { judgeRound, type NonceRound } from './judge.js'
import { nonceEntry } from './nonce-entry.js'

const FAULTS = ['none', 'redis', 'cassandra', 'auth'] as const
type RoundFault = (typeof FAULTS)[number]

const { numbers, json } = readRunOptions(
  'npm run nonces -- [--verifies 1000] [--rounds 8] [--nodes 3]\n\n' +
    'Sends many copies of one good wallet proof at once, spread over all instances of auth: one must win. In a cluster Redis, a node of Cassandra\n' +
    'and an instance of auth are killed with -9 in the middle of rounds, and every proof is tried again afterwards.',
  {
    verifies: { default: 1_000, min: 2, max: 20_000, help: 'copies of one proof that are sent at once' },
    rounds: { default: 8, min: 1, max: 100, help: 'proofs; the kinds of faults take turns' },
    nodes: { ...NODES_OPTION, default: 3 },
  },
)
/** The fault comes this long after the copies were let go, at most. */
const FAULT_WITHIN_MS = 150

async function run(): Promise<boolean> {
  const system = await startSystem(numbers.nodes, { EVEGRAM_RATE_FACTOR: '100000' })
  const http = new RawHttp(system.url)
  try {
    const enrolment = await RawEnrolment.open(system.url)
    const rounds: (NonceRound & { readonly fault: RoundFault; readonly seconds: number; readonly breaches: readonly string[] })[] = []
    for (let index = 0; index < numbers.rounds; index++) {
      const fault: RoundFault = system.cluster === undefined ? 'none' : FAULTS[index % FAULTS.length] ?? 'none'
      const { account, bytes } = await nonceEntry(enrolment)
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
      await kill(fault, system.cluster)
      const answers = await posting
      const later = await untilAnswered(post)
      const { seq } = await enrolment.api.logPage(account, 0)
      const round = { answers, later, entries: seq }
      rounds.push({ ...round, fault, seconds: (performance.now() - startedAt) / 1_000, breaches: judgeRound(round, fault !== 'none') })
      if (!json) console.error(`round ${String(index + 1)}, ${fault === 'none' ? 'no fault' : `${fault} killed`}: ${tally(answers)}; later ${later}; entries ${String(seq)}`)
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
    http.close()
    await system.dispose()
  }
}

async function kill(fault: RoundFault, cluster: Awaited<ReturnType<typeof startSystem>>['cluster']): Promise<void> {
  if (fault === 'none' || cluster === undefined) return
  const candidates = (await cluster.members()).filter(({ kind }) => kind === fault)
  const victim = candidates[randomInt(Math.max(1, candidates.length))]
  if (victim === undefined) throw new Error(`there is no ${fault} to kill`)
  await new Promise((resolve) => setTimeout(resolve, randomInt(FAULT_WITHIN_MS)))
  await cluster.order({ kind: 'kill', name: victim.name })
}

/** Tries once more, as often as it takes to get an answer that decides. */
async function untilAnswered(post: () => Promise<string>): Promise<string> {
  let answer = await post()
  for (let left = 60; left > 0 && (answer === 'no answer' || answer.startsWith('5')); left--) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    answer = await post()
  }
  return answer
}

process.exitCode = (await run()) ? 0 : 1
