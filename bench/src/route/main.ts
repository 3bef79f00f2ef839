import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readRunOptions } from '../options.js'
import { pinApart } from '../pin.js'
import { machineFacts } from '../process-cost.js'
import { topCosts, type CpuProfile } from '../top-costs.js'
import { NODES_OPTION, startSystem } from '../system.js'
import { compareEngines, comparisonLines, type Comparison } from './compare-engines.js'
import { RouteLoad, type LoadShape, type PartResult } from './load.js'

const { numbers, texts, flags, json } = readRunOptions(
  'npm run route -- [--pairs 100] [--seconds 10] [--nodes 0] [--engines 1] [--compare] [--profile top]\n\n' +
    'Pairs of devices send each other 200-byte opaque payloads through a server or cluster of their own: first as fast as acknowledgements come (a closed\n' +
    'loop), then at half of that rate at planned times (an open loop). Every ack is durable. Lost or doubled deliveries fail the run.\n' +
    'With --compare: clusters of one engine and of two, in the second with sender and receiver always on different engines. Each is driven faster and\n' +
    'faster until it does not keep up, then at half of that, and the second once more at the rate of the first; figures and their ratios in one table.\n' +
    'Nothing may be lost; a message that comes twice fails the run at rates that the cluster bears, and is told beyond them.',
  {
    pairs: { default: 100, min: 1, max: 2_000, help: 'pairs of devices' },
    seconds: { default: 10, min: 1, max: 600, help: 'length of each part' },
    window: { default: 16, min: 1, max: 128, help: 'unacknowledged messages of a sender in the closed loop' },
    payload: { default: 200, min: 8, max: 60_000, help: 'bytes of a payload' },
    runs: { default: 1, min: 1, max: 20, help: 'repetitions, for the spread' },
    nodes: { ...NODES_OPTION, help: `${NODES_OPTION.help}; with --compare at least 1` },
    engines: { default: 1, min: 1, max: 8, help: 'engines of a cluster' },
  },
  { profile: 'write a CPU profile of the server and print its top costs: --profile top', pin: 'give server and generator a core each: --pin yes' },
  { compare: 'one engine against two' },
)
const SETTINGS = { EVEGRAM_RATE_FACTOR: '100000' } as const
const shape: LoadShape = { pairs: numbers.pairs, payloadBytes: numbers.payload, window: numbers.window }

async function run(): Promise<boolean> {
  const profiling = texts['profile'] !== undefined
  const system = await startSystem(numbers.nodes, SETTINGS, { engines: numbers.engines, profiled: profiling })
  try {
    const { server } = system
    const pinned = texts['pin'] === 'yes' && server !== undefined ? pinApart(server.pid) : 'not pinned'
    const load = await RouteLoad.connect(system, shape, { silent: json })
    const results: PartResult[] = []
    for (let repetition = 0; repetition < numbers.runs; repetition++) {
      const closed = await load.closed(numbers.seconds)
      const open = await load.open(Math.max(1, Math.floor(closed.messagesPerSecond / 2)), numbers.seconds)
      results.push(closed, open)
    }
    const { failures } = load
    const held = failures.length === 0 && results.every(({ lost, doubled }) => lost === 0 && doubled === 0)
    load.close()
    await server?.stop()
    const costs = profiling && server !== undefined ? newestProfile(join(server.dataDir, 'profile')) : []
    print(results, failures, held, costs, `${system.description}, ${pinned}`)
    return held
  } finally {
    await system.dispose()
  }
}

async function compare(): Promise<boolean> {
  const comparisons: Comparison[] = []
  for (let repetition = 0; repetition < numbers.runs; repetition++) {
    comparisons.push(await compareEngines({
      shape, seconds: numbers.seconds, silent: json, start: (engines) => startSystem(Math.max(1, numbers.nodes), SETTINGS, { engines }),
    }))
  }
  const held = comparisons.every((one) => one.held)
  if (json) console.log(JSON.stringify({ ...numbers, comparisons, held, machine: machineFacts() }))
  else {
    console.log(headline())
    for (const comparison of comparisons) for (const line of comparisonLines(comparison)) console.log(line)
    console.log(held ? 'held: nothing lost, and nothing doubled at a rate that the clusters bear' : 'NOT HELD')
  }
  return held
}

function newestProfile(folder: string): ReturnType<typeof topCosts> {
  const name = readdirSync(folder).find((file) => file.endsWith('.cpuprofile'))
  return name === undefined ? [] : topCosts(JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile, 15)
}

function headline(): string {
  const machine = machineFacts()
  return `${String(numbers.pairs)} pairs, ${String(numbers.payload)} bytes, durable acks, ${String(numbers.seconds)} s a part; ${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.commit}; everything on this one machine`
}

function print(results: readonly PartResult[], failures: readonly string[], held: boolean, costs: ReturnType<typeof topCosts>, system: string): void {
  if (json) {
    console.log(JSON.stringify({ pairs: numbers.pairs, payloadBytes: numbers.payload, seconds: numbers.seconds, results, failures, held, costs, system, machine: machineFacts() }))
    return
  }
  console.log(`${headline()}; ${system}`)
  console.log('loop     msgs/s   p50 ms   p99 ms  p99.9 ms  server CPU us/msg  stores  server waits  generator CPU  lost  doubled  late  RSS MiB')
  for (const one of results) {
    console.log(
      one.part.padEnd(7) + String(one.messagesPerSecond).padStart(8) + one.p50Ms.toFixed(2).padStart(9) + one.p99Ms.toFixed(2).padStart(9) + one.p999Ms.toFixed(2).padStart(10) +
        one.cpuUsPerDelivered.toFixed(2).padStart(19) + one.storeCpuUsPerDelivered.toFixed(2).padStart(8) + `${(one.serverWaitShare * 100).toFixed(1)} %`.padStart(14) + `${(one.generatorCpuShare * 100).toFixed(0)} %`.padStart(15) +
        String(one.lost).padStart(6) + String(one.doubled).padStart(9) + String(one.late).padStart(6) + String(one.serverRssMiB).padStart(9),
    )
    if (one.generatorCpuShare > 0.95) console.log('        the generator used a whole core: this is a lower bound of what the server can do')
    if (one.serverWaitShare > 0.1) console.log('        the server waited for a core more than a tenth of the time: not a result on this machine')
  }
  for (const { name, share } of costs) console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name}`)
  for (const failure of failures) console.log(`failure: ${failure}`)
  console.log(held ? 'held: nothing lost, nothing doubled' : 'NOT HELD')
}

process.exitCode = (await (flags.has('compare') ? compare() : run())) ? 0 : 1
