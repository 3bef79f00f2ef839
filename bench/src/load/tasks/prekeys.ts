import { accountIdOf, decodeOpened, emptyAccountState, encodeFrame, encodeOpen, FRAME_TYPE, hexOf, isEvegramError, type AccountState } from '@evegram/protocol'
import { judgePrekeys, PREKEY_PROMISES, type Fetched, type FetchAnswer, type TargetFacts } from '../../prekeys/judge.js'
import { planFetches } from '../../prekeys/plan.js'
import { CONCURRENT_ACCOUNTS_CLUSTER, enrolMany } from '../../raw/many-devices.js'
import { RawEnrolment, type RawDevice } from '../../raw/raw-device.js'
import { RawPrekeys } from '../../raw/raw-prekeys.js'
import { RawSocket } from '../../raw/raw-socket.js'
import { tokenSourceOf } from '../../raw/raw-tokens.js'
import { OpaqueSend } from '../../route/opaque-envelope.js'
import { LatencyHistogram } from '../measure/latency-histogram.js'
import { monotonicUs } from '../measure/monotonic.js'
import { UsageError } from '../usage-error.js'
import { numbersOf, optionSpecs } from './number-options.js'
import type { Task, TaskContext, TaskOutcome } from './task.js'

const OPTIONS = {
  'fetches': { default: 10_000, min: 1, max: 1_000_000, help: 'bundles asked for' },
  'requesters': { default: 500, min: 1, max: 10_000, help: 'accounts that ask' },
  'targets': { default: 20, min: 1, max: 1_000, help: 'devices that are asked for' },
  'nodes': { default: 0, min: 0, max: 3, help: 'nodes of a cluster that is started for the run: 1 or 3; 0 is one process' },
} as const
type Plan = Readonly<Record<keyof typeof OPTIONS, number>>

/** Requests on their way at the same time. */
const CONCURRENT_FETCHES = 64
/** Every other target has many keys, so that the hour of strangers ends first; the others few, so that the kept ones do. */
const PUBLISHED_MANY = 150
const PUBLISHED_FEW = 50
/** Fetches by those who may have the kept keys: a second device of a target's account, and somebody whom the target has written to. */
const FAVOURED_FETCHES = PREKEY_PROMISES.pairBurst + 2

interface PrekeyTarget {
  readonly device: RawDevice
  readonly sibling: RawDevice
  readonly contact: RawDevice
  readonly prekeys: RawPrekeys
}

/** Breaches that are told one by one. */
const BREACHES_SHOWN_MAX = 50

/** Accounts take prekey bundles of devices, some far too often. */
export const prekeys: Task = {
  name: 'prekeys', summary: 'accounts take prekey bundles, some far too often; no one-time key twice',
  defaults: `${String(OPTIONS.fetches.default)} fetches by ${String(OPTIONS.requesters.default)} accounts for ${String(OPTIONS.targets.default)} devices`,
  text: 'Accounts with real proofs and sessions take prekey bundles of target devices, some of them far too often. No one-time key may be handed out twice, every limit that\n' +
    'owners are promised must hold, and nobody may get less than is due: each of it that fails is a breach.',
  options: optionSpecs(OPTIONS),
  figures: {
    'perSecond': 'fetches', 'cpuEach': 'ms of server CPU', 'p50': 'ms', 'p99': 'ms', 'max': 'ms', 'oneTime': 'keys handed out', 'lastResort': '', 'limited': 'refused by a limit', 'unanswered': '',
    'failed': '', 'mostOfOnePair': `bundles, the limit is ${String(PREKEY_PROMISES.pairBurst)}`, 'mostByStrangers': `keys of one device, the limit is ${String(PREKEY_PROMISES.strangersPerHour)} an hour`,
    'leastLeft': `keys, ${String(PREKEY_PROMISES.kept)} are kept`, 'breaches': '',
  },
  mustHold: ['breaches==0', 'failed==0'],
  plan: (given) => {
    const plan: Plan = numbersOf(OPTIONS, given)
    const { fetches, requesters, targets, nodes } = plan
    if (nodes === 2) throw new UsageError('--nodes is 0, 1 or 3')
    if (nodes > 0 && given.text('server') !== undefined) throw new UsageError('--nodes starts a cluster: leave --server out')
    return {
      config: { ...plan }, clients: targets, ...(nodes === 0 ? {} : { cluster: { nodes, engines: nodes } }), run: (context) => run(plan, context),
      text: `${String(fetches)} fetches by ${String(requesters)} accounts for ${String(targets)} devices, and ${String(FAVOURED_FETCHES)} each by its own account and a contact`,
    }
  },
}

/** One message of `from`, stored: its receiver is an accepted contact from then on. */
async function writeTo(ws: string, origin: string, from: RawDevice, to: RawDevice): Promise<void> {
  const socket = await RawSocket.signedIn(ws, from, origin)
  socket.send(encodeFrame(FRAME_TYPE.open, 9, encodeOpen({ peer: to.account })))
  const { members } = decodeOpened((await socket.next(FRAME_TYPE.opened)).body)
  const { frame } = new OpaqueSend(from, to, 64, members).next(0)
  // Flags 2: refused twice before, so that the sibling may be left out by one who names the newest versions.
  frame[2] = 2
  socket.send(frame)
  await Promise.race([socket.next(FRAME_TYPE.ack), socket.ended])
  socket.drop()
  if (socket.failures.length > 0) throw new Error(`a target could not write: ${socket.failures.join(', ')}`)
}

async function makeTargets(enrolment: RawEnrolment, ws: string, count: number, onMade: (made: number) => void): Promise<PrekeyTarget[]> {
  const targets: PrekeyTarget[] = []
  for (let index = 0; index < count; index++) {
    const wallet = enrolment.newWallet(index % 2 === 0 ? 'solana' : 'ton')
    const empty: AccountState = emptyAccountState(accountIdOf(wallet.walletId))
    const first = await enrolment.enrol(wallet, empty)
    const second = await enrolment.enrol(wallet, first.state)
    const prekeys = await RawPrekeys.publish(enrolment, first.device, index % 2 === 0 ? PUBLISHED_MANY : PUBLISHED_FEW)
    const { device: contact } = await enrolment.enrol(enrolment.newWallet('terra'))
    await writeTo(ws, enrolment.server.origin, first.device, contact)
    targets.push({ device: first.device, sibling: second.device, contact, prekeys })
    onMade(targets.length)
  }
  return targets
}

async function take(enrolment: RawEnrolment, requester: RawDevice, target: PrekeyTarget): Promise<FetchAnswer> {
  try {
    const { account, device } = target.device
    const { oneTimePreKey } = await enrolment.api.fetchBundle(tokenSourceOf(requester, enrolment.api), account, device)
    return oneTimePreKey === undefined ? { outcome: 'last_resort' } : { outcome: 'one_time', keyId: oneTimePreKey.id, publicKey: hexOf(oneTimePreKey.publicKey) }
  } catch (error) {
    if (!isEvegramError(error)) throw error
    if (error.code === 'timeout' || error.code.startsWith('unavailable.')) return { outcome: 'unanswered' }
    return error.code === 'limited.prekeys' ? { outcome: 'limited', retryAfterMs: error.retryAfterMs } : { outcome: 'failed', code: error.code }
  }
}

async function fetchAll(
  enrolment: RawEnrolment, requesters: readonly RawDevice[], targets: readonly PrekeyTarget[], fetches: number, onFetched: (fetched: number, us: number) => void,
): Promise<Fetched[]> {
  const plan = planFetches(fetches, requesters.length, targets.length)
  const fetched: Fetched[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let planned = plan[next++]; planned !== undefined; planned = plan[next++]) {
      const [requester, target] = [requesters[planned.requester], targets[planned.target]]
      if (requester === undefined || target === undefined) throw new Error('the plan names nobody')
      const fromUs = monotonicUs()
      fetched.push({ ...(await take(enrolment, requester, target)), ...planned, standing: 'stranger' })
      onFetched(fetched.length, monotonicUs() - fromUs)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_FETCHES }, work))
  return fetched
}

async function fetchFavoured(enrolment: RawEnrolment, targets: readonly PrekeyTarget[]): Promise<Fetched[]> {
  const fetched: Fetched[] = []
  for (const [index, target] of targets.entries()) {
    for (const [standing, requester] of [['own', target.sibling], ['contact', target.contact]] as const) {
      for (let count = 0; count < FAVOURED_FETCHES; count++) fetched.push({ ...(await take(enrolment, requester, target)), requester: -1, target: index, standing })
    }
  }
  return fetched
}

async function factsOf(enrolment: RawEnrolment, target: PrekeyTarget): Promise<TargetFacts> {
  const { oneTimeRemaining } = await enrolment.api.preKeyStatus(tokenSourceOf(target.device, enrolment.api))
  return { published: new Map(target.prekeys.oneTime.map(({ id, publicKey }) => [id, hexOf(publicKey)])), remaining: oneTimeRemaining }
}

async function run(plan: Plan, { target, onProgress }: TaskContext): Promise<TaskOutcome> {
  const enrolment = await RawEnrolment.open(target.url)
  const targets = await makeTargets(enrolment, target.ws, plan.targets, (made) => { onProgress('devices with prekeys', made, plan.targets) })
  const requesters = await enrolMany(enrolment, plan.requesters, 1, {
    silent: true, onEnrolled: (done) => { onProgress('signing in', done, plan.requesters) }, ...(plan.nodes === 0 ? {} : { concurrent: CONCURRENT_ACCOUNTS_CLUSTER }),
  })
  const times = new LatencyHistogram()
  const [before, startUs] = [target.cost(), monotonicUs()]
  const byStrangers = await fetchAll(enrolment, requesters, targets, plan.fetches, (fetched, us) => {
    times.record(us)
    onProgress('fetches', fetched, plan.fetches)
  })
  const [seconds, after] = [(monotonicUs() - startUs) / 1e6, target.cost()]
  const byFavoured = await fetchFavoured(enrolment, targets)
  const facts: TargetFacts[] = []
  for (const one of targets) facts.push(await factsOf(enrolment, one))
  const { counts, most, leastLeftByStrangers, breaches } = judgePrekeys([...byStrangers, ...byFavoured], facts, (monotonicUs() - startUs) / 1e3)
  const { p50, p99, max } = times.summary()
  return {
    measuredSeconds: seconds, invalid: [], notes: [],
    figures: {
      perSecond: byStrangers.length / seconds, ...(before === undefined || after === undefined ? {} : { cpuEach: ((after.cpuSeconds - before.cpuSeconds) * 1e3) / byStrangers.length }), p50, p99, max,
      oneTime: counts.one_time, lastResort: counts.last_resort, limited: counts.limited, unanswered: counts.unanswered, failed: counts.failed,
      mostOfOnePair: most.perPair, mostByStrangers: most.perTargetByStrangers, leastLeft: leastLeftByStrangers, breaches: breaches.length,
    },
    distributions: [{ name: 'fetch', distribution: { ...times.summary(), histogram: times.encode() } }],
    failures: Object.fromEntries(breaches.slice(0, BREACHES_SHOWN_MAX).map((breach) => [breach, 1])),
  }
}
