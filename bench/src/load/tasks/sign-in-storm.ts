import { CHAINS, type Chain } from '@evegram/protocol/proof'
import { isEvegramError } from '@evegram/protocol'
import { RawEnrolment } from '../../raw/raw-device.js'
import type { GivenOptions } from '../cli/command-line.js'
import { LatencyHistogram } from '../measure/latency-histogram.js'
import { monotonicUs } from '../measure/monotonic.js'
import { UsageError } from '../usage-error.js'
import { numbersOf, optionSpecs } from './number-options.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'
import { verifierSpeed } from './verifier-speed.js'

const ALL_CHAINS = CHAINS.map(({ chain }) => chain).filter((chain, index, all) => all.indexOf(chain) === index)
const OPTIONS = {
  'sign-ins': { default: 200, min: 10, max: 20_000, help: 'of each chain' },
  'in-flight': { default: 16, min: 1, max: 256, help: 'sign-ins at the same time' },
  'proofs': { default: 200, min: 20, max: 5_000, help: 'wallets of each chain in the first part' },
  'seconds': { default: 3, min: 1, max: 60, help: 'CPU time for each figure of the first part' },
} as const
/** Figures of each chain, with their units. */
const CHAIN_FIGURES = [
  ['verified', 'proofs per CPU-second'], ['bare', 'equations per CPU-second'], ['ratio', ''], ['signIns', 'per second of server CPU'], ['rate', '/s'],
] as const
/** A share of the bare primitive's rate that the verifier has to reach. */
const RATIO_MIN = 0.8
/** Different reasons of failures that are kept. */
const REASONS_MAX = 16

interface Plan extends Readonly<Record<keyof typeof OPTIONS, number>> {
  readonly chains: readonly Chain[]
}

/** Everybody signs in at once: what proofs of wallets cost a server, beside what their equations alone cost. */
export const signInStorm: Task = {
  name: 'sign-in-storm', summary: 'new wallets of the three chains sign in; what verifying costs beside the bare equation',
  defaults: `${String(OPTIONS['sign-ins'].default)} sign-ins of each chain, ${String(OPTIONS['in-flight'].default)} at a time`,
  text: 'Two parts for each chain. First the server\'s own verifier, in a process of its own, judges proofs of wallets that it has never seen, in turn with the bare\n' +
    'primitive: the import of the same key and the one equation over the same bytes by node:crypto. Then new wallets sign in at the server over HTTP: two challenges, an\n' +
    'entry of an account log (the wallet\'s proof and two signatures of the device), and a session (two more); everything stored and synced before it is answered.',
  options: { chains: { placeholder: 'names', help: `separated by commas (default ${ALL_CHAINS.join(',')})` }, ...optionSpecs(OPTIONS) },
  figures: { ...Object.fromEntries(ALL_CHAINS.flatMap((chain) => CHAIN_FIGURES.map(([name, unit]) => [`${chain}.${name}`, unit] as const))), failed: '', signedIn: '' },
  mustHold: [...ALL_CHAINS.map((chain) => `${chain}.ratio>=${String(RATIO_MIN)}`), 'failed==0'],
  plan: (given) => {
    const plan = readPlan(given)
    return {
      clients: plan['in-flight'], config: { ...plan, chains: plan.chains.join(',') }, run: (context) => run(plan, context),
      text: `${String(plan['sign-ins'])} sign-ins of each of ${plan.chains.join(', ')}, ${String(plan['in-flight'])} at a time; verifier and bare equation on ${String(plan.proofs)} wallets of each`,
    }
  },
}

function readPlan(given: GivenOptions): Plan {
  const wanted = (given.text('chains') ?? ALL_CHAINS.join(',')).split(',').map((name) => name.trim())
  const chains = ALL_CHAINS.filter((chain) => wanted.includes(chain))
  if (chains.length !== new Set(wanted).size) throw new UsageError(`--chains names some of ${ALL_CHAINS.join(', ')}, separated by commas`)
  return { chains, ...numbersOf(OPTIONS, given) }
}

async function run(plan: Plan, { target, onProgress }: TaskContext): Promise<TaskOutcome> {
  const enrolment = await RawEnrolment.open(target.url)
  const figures: Record<string, number> = {}
  const failures: Record<string, number> = {}
  const distributions: { name: string; distribution: TaskOutcome['distributions'][number]['distribution'] }[] = []
  let [seconds, signedIn, failed] = [0, 0, 0]
  for (const chain of plan.chains) {
    const speed = await verifierSpeed(enrolment, chain, plan, (done, total) => { onProgress(`${chain}: proofs`, done, total) })
    figures[`${chain}.verified`] = speed.proofsPerCpuSecond
    figures[`${chain}.bare`] = speed.primitivesPerCpuSecond
    figures[`${chain}.ratio`] = speed.proofsPerCpuSecond / speed.primitivesPerCpuSecond
  }
  for (const chain of plan.chains) {
    const { histogram, elapsed, cpuSeconds, errors } = await signIn(enrolment, chain, plan, { target, onProgress })
    const done = histogram.count
    const count = [...errors.values()].reduce((sum, one) => sum + one, 0)
    for (const [reason, times] of errors) failures[reason] = (failures[reason] ?? 0) + times
    seconds += elapsed
    signedIn += done
    failed += count
    figures[`${chain}.rate`] = done / elapsed
    if (cpuSeconds !== undefined && cpuSeconds > 0) figures[`${chain}.signIns`] = done / cpuSeconds
    distributions.push({ name: `sign-in with ${chain}`, distribution: { ...histogram.summary(), histogram: histogram.encode() } })
  }
  return {
    measuredSeconds: seconds, figures: { ...figures, failed, signedIn }, distributions, failures, invalid: [],
    notes: [
      'verified and bare take turns in one process, with a key that is new for both each time',
      'the latency of a sign-in has the client\'s own signing in it, and this one process signs for all: the rate is what it could ask for, the CPU time is the server\'s',
      ...(target.cost() === undefined ? ['the processes of the server are not known: its CPU was not measured'] : []),
    ],
  }
}

async function signIn(enrolment: RawEnrolment, chain: Chain, { 'sign-ins': signIns, 'in-flight': inFlight }: Plan, { target, onProgress }: Pick<TaskContext, 'target' | 'onProgress'>): Promise<{
  readonly histogram: LatencyHistogram; readonly elapsed: number; readonly cpuSeconds: number | undefined; readonly errors: ReadonlyMap<string, number>
}> {
  const ready: { readonly wallet: ReturnType<RawEnrolment['newWallet']>; readonly keys: Awaited<ReturnType<RawEnrolment['newKeys']>> }[] = []
  while (ready.length < signIns) {
    ready.push({ wallet: enrolment.newWallet(chain), keys: await enrolment.newKeys() })
    onProgress(`${chain}: wallets and keys`, ready.length, signIns)
  }
  const histogram = new LatencyHistogram()
  const errors = new Map<string, number>()
  const before = target.cost()
  const startUs = monotonicUs()
  let done = 0
  const work = async (): Promise<void> => {
    for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
      const fromUs = monotonicUs()
      try {
        await enrolment.enrol(next.wallet, undefined, next.keys)
        histogram.record(monotonicUs() - fromUs)
      } catch (error) {
        const reason = isEvegramError(error) ? error.code : error instanceof Error ? error.message : String(error)
        if (errors.has(reason) || errors.size < REASONS_MAX) errors.set(reason, (errors.get(reason) ?? 0) + 1)
      }
      onProgress(`${chain}: sign-ins`, ++done, signIns)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  const [elapsed, after] = [(monotonicUs() - startUs) / 1e6, target.cost()]
  return { histogram, elapsed, errors, cpuSeconds: before === undefined || after === undefined ? undefined : after.cpuSeconds - before.cpuSeconds }
}
