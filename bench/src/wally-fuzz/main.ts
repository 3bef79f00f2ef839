import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { ServerProcess } from '../server-process.js'
import { fuzzWorld } from './fuzz-world.js'
import { findingsOf } from './judge.js'
import { withKnownValues } from './known-values.js'
import { chosenFrom, operationsOf, withoutSecurity } from './operations.js'
import { runSchemathesis, type Program } from './run-schemathesis.js'
import { DESCRIPTION_PATH, SigningFront } from './signing-front.js'
import { Tally, type RouteTally } from './tally.js'

/** Requests of one machine count against its limits, which are not what is tried here. */
const SETTINGS = { EVEGRAM_WALLY: 'true', EVEGRAM_RATE_FACTOR: '100000' } as const
/** Codes that a line of the table shows, the most frequent. */
const CODES_SHOWN = 4

/** What a run was asked for. */
export interface FuzzOptions {
  readonly cases: number
  readonly seed: number
  /** Routes whose name has this. */
  readonly only: string
  /** Whether the edges of every field are left out. */
  readonly isDrawnOnly: boolean
  readonly json: boolean
}

/** Reads the command line; ends the process for `--help` and wrong usage. */
export function readFuzzOptions(): FuzzOptions {
  const { numbers, texts, flags, json } = readRunOptions(
    'npm run wally:fuzz -- [--cases <n>] [--seed <n>] [--only <text>] [--drawn-only]\n\n'
      + 'Starts a server of its own with money in it, and has schemathesis make up requests from its API description: all routes of sign-in, of files, of play money and of the wallet\n'
      + 'bridge, the latter as a person and as an operator. No answer may be a 500 or above, every answer must be as described, and what the description forbids must be refused.\n'
      + 'The same seed makes the same requests. Needs Python 3.11 or newer with pip.',
    {
      cases: { default: 60, min: 1, max: 10_000, help: 'requests that are made up for each route, beside the edges of its fields' },
      seed: { default: 1, min: 0, max: 2_147_483_647, help: 'what they are drawn from' },
    },
    { only: 'only routes whose method and path have this text' },
    { 'drawn-only': 'leave out the edges of fields, which are some dozens of requests for each route' },
  )
  return { cases: numbers.cases, seed: numbers.seed, only: texts['only'] ?? '', isDrawnOnly: flags.has('drawn-only'), json }
}

/** Makes requests up until all routes had theirs, and prints what came of them. Resolves with whether everything held. */
export async function fuzz({ cases, seed, only, isDrawnOnly, json }: FuzzOptions, program: Program, abort: AbortSignal): Promise<boolean> {
  const startedAt = performance.now()
  const server = new ServerProcess(SETTINGS)
  const opened: { front?: SigningFront; http?: { close(): void } } = {}
  try {
    await server.start()
    const world = await fuzzWorld(server)
    opened.http = world.http
    const served: unknown = JSON.parse((await world.http.ask('/openapi.json')).text)
    const document = chosenFrom(withKnownValues(served, world.known), only)
    const operations = operationsOf(document)
    if (operations.length === 0) throw new Error(`no route has "${only}" in its method and path`)
    const tally = new Tally(operations.map(({ name }) => name))
    const front = await SigningFront.listen({
      http: world.http, origin: world.origin, operations, document: withoutSecurity(document), operatorToken: world.operatorToken, tally,
      personOf: ({ name }) => (name.includes(' /v1/wally/') ? world.alice : world.bob),
    })
    opened.front = front
    const { verdict, output } = await runSchemathesis(program, { description: `${front.url}${DESCRIPTION_PATH}`, cases, seed, isDrawnOnly, abort })
    const isAlive = await world.http.ask('/.well-known/evegram').then(({ status }) => status === 200, () => false)
    const findings = findingsOf({ verdict, routes: tally.routes, failures: tally.failures, isAlive })
    const seconds = Number(((performance.now() - startedAt) / 1_000).toFixed(1))
    const again = `npm run wally:fuzz -- --cases ${String(cases)} --seed ${String(seed)}${only === '' ? '' : ` --only '${only}'`}${isDrawnOnly ? ' --drawn-only' : ''}`
    if (json) {
      const routes = Object.fromEntries([...tally.routes].map(([route, { codes, ...counts }]) => [route, { ...counts, codes: Object.fromEntries(codes) }]))
      console.log(JSON.stringify({ held: findings.length === 0, findings, cases: verdict.cases, routes, strays: tally.strays, failures: tally.failures, seed, seconds, again, machine: machineFacts() }))
      return findings.length === 0
    }
    for (const [route, counts] of tally.routes) console.log(lineOf(route, counts, verdict.failures.some(({ operations: found }) => found.includes(route))))
    if (findings.length > 0) {
      console.log(`\n${output.slice(Math.max(0, output.indexOf('= FAILURES =')))}`)
      for (const { route, status, request, answer } of tally.failures) console.log(`\n${String(status)} from ${route}\n  asked: ${request}\n  answer: ${answer}`)
    }
    console.log(`${String(verdict.cases)} cases on ${String(tally.routes.size)} routes, ${String(tally.strays)} requests to none, ${String(seconds)} s; seed ${String(seed)}`)
    console.log(findings.length === 0 ? 'held: no 5xx, every answer as described' : `NOT HELD:\n  ${findings.join('\n  ')}\nagain: ${again}`)
    return findings.length === 0
  } finally {
    await opened.front?.close()
    opened.http?.close()
    await server.dispose()
  }
}

function lineOf(route: string, { asked, done, refused, failed, codes }: Readonly<RouteTally>, isFound: boolean): string {
  const counts = [`${String(asked).padStart(5)} asked`, `${String(done).padStart(4)} done`, `${String(refused).padStart(4)} refused`, `${String(failed).padStart(3)} failed`].join(' ')
  const most = [...codes].sort(([, a], [, b]) => b - a).slice(0, CODES_SHOWN).map(([code, count]) => `${code} x${String(count)}`).join(', ')
  return `${failed > 0 || isFound ? 'NOT ' : 'held'} ${route.padEnd(58)}${counts}  ${most}`
}
