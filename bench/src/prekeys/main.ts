import { accountIdOf, emptyAccountState, encodeFrame, decodeOpened, encodeOpen, FRAME_TYPE, hexOf, isEvegramError, type AccountState } from '@evegram/protocol'
import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { Progress } from '../progress.js'
import { CONCURRENT_ACCOUNTS_CLUSTER, enrolMany } from '../raw/many-devices.js'
import { RawEnrolment, type RawDevice } from '../raw/raw-device.js'
import { RawPrekeys } from '../raw/raw-prekeys.js'
import { RawSocket } from '../raw/raw-socket.js'
import { tokenSourceOf } from '../raw/raw-tokens.js'
import { OpaqueSend } from '../route/opaque-envelope.js'
import { NODES_OPTION, startSystem } from '../system.js'
import { judgePrekeys, PREKEY_PROMISES, type Fetched, type FetchAnswer, type PrekeyVerdict, type TargetFacts } from './judge.js'
import { planFetches } from './plan.js'

const { numbers, json } = readRunOptions(
  'npm run prekeys -- [--fetches 10000] [--requesters 500] [--targets 20] [--nodes 0]\n\n' +
    'Accounts with real proofs and sessions take prekey bundles of target devices, some of them far too often. No one-time key may be handed out\n' +
    'twice, every limit that owners are promised must hold, and nobody may get less than is due.',
  {
    fetches: { default: 10_000, min: 1, max: 1_000_000, help: 'bundles asked for' },
    requesters: { default: 500, min: 1, max: 10_000, help: 'accounts that ask' },
    targets: { default: 20, min: 1, max: 1_000, help: 'devices that are asked for' },
    nodes: NODES_OPTION,
  },
)
/** Requests on their way at the same time. */
const CONCURRENT_FETCHES = 64
/** Every other target has many keys, so that the hour of strangers ends first; the others few, so that the kept ones do. */
const PUBLISHED_MANY = 150
const PUBLISHED_FEW = 50
/** Fetches by those who may have the kept keys: a second device of a target's account, and somebody whom the target has written to. */
const FAVOURED_FETCHES = PREKEY_PROMISES.pairBurst + 2

interface Target {
  readonly device: RawDevice
  readonly sibling: RawDevice
  readonly contact: RawDevice
  readonly prekeys: RawPrekeys
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

async function makeTargets(enrolment: RawEnrolment, ws: string): Promise<Target[]> {
  const targets: Target[] = []
  for (let index = 0; index < numbers.targets; index++) {
    const wallet = enrolment.newWallet(index % 2 === 0 ? 'solana' : 'ton')
    const empty: AccountState = emptyAccountState(accountIdOf(wallet.walletId))
    const first = await enrolment.enrol(wallet, empty)
    const second = await enrolment.enrol(wallet, first.state)
    const prekeys = await RawPrekeys.publish(enrolment, first.device, index % 2 === 0 ? PUBLISHED_MANY : PUBLISHED_FEW)
    const { device: contact } = await enrolment.enrol(enrolment.newWallet('terra'))
    await writeTo(ws, enrolment.server.origin, first.device, contact)
    targets.push({ device: first.device, sibling: second.device, contact, prekeys })
  }
  return targets
}

async function take(enrolment: RawEnrolment, requester: RawDevice, target: Target): Promise<FetchAnswer> {
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

async function fetchAll(enrolment: RawEnrolment, requesters: readonly RawDevice[], targets: readonly Target[]): Promise<Fetched[]> {
  const plan = planFetches(numbers.fetches, requesters.length, targets.length)
  const fetched: Fetched[] = []
  const progress = new Progress('fetched', plan.length, { silent: json })
  let next = 0
  const work = async (): Promise<void> => {
    for (let planned = plan[next++]; planned !== undefined; planned = plan[next++]) {
      const [requester, target] = [requesters[planned.requester], targets[planned.target]]
      if (requester === undefined || target === undefined) throw new Error('the plan names nobody')
      fetched.push({ ...(await take(enrolment, requester, target)), ...planned, standing: 'stranger' })
      progress.update(fetched.length)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_FETCHES }, work))
  progress.stop()
  return fetched
}

async function fetchFavoured(enrolment: RawEnrolment, targets: readonly Target[]): Promise<Fetched[]> {
  const fetched: Fetched[] = []
  for (const [index, target] of targets.entries()) {
    for (const [standing, requester] of [['own', target.sibling], ['contact', target.contact]] as const) {
      for (let count = 0; count < FAVOURED_FETCHES; count++) fetched.push({ ...(await take(enrolment, requester, target)), requester: -1, target: index, standing })
    }
  }
  return fetched
}

async function factsOf(enrolment: RawEnrolment, target: Target): Promise<TargetFacts> {
  const { oneTimeRemaining } = await enrolment.api.preKeyStatus(tokenSourceOf(target.device, enrolment.api))
  return { published: new Map(target.prekeys.oneTime.map(({ id, publicKey }) => [id, hexOf(publicKey)])), remaining: oneTimeRemaining }
}

async function run(): Promise<boolean> {
  // Multiplies rates of addresses and devices; the promises under test are not scaled (see PREKEY_RULES in auth).
  const system = await startSystem(numbers.nodes, { EVEGRAM_RATE_FACTOR: '1000' })
  try {
    const enrolment = await RawEnrolment.open(system.url)
    const targets = await makeTargets(enrolment, system.ws)
    const requesters = await enrolMany(enrolment, numbers.requesters, 1, { silent: json, ...(numbers.nodes === 0 ? {} : { concurrent: CONCURRENT_ACCOUNTS_CLUSTER }) })
    const cost = system.cost()
    const startedAt = performance.now()
    const byStrangers = await fetchAll(enrolment, requesters, targets)
    const strangersMs = performance.now() - startedAt
    const serverCpuMs = (system.cost().cpuSeconds - cost.cpuSeconds) * 1_000
    const byFavoured = await fetchFavoured(enrolment, targets)
    const facts: TargetFacts[] = []
    for (const target of targets) facts.push(await factsOf(enrolment, target))
    const verdict = judgePrekeys([...byStrangers, ...byFavoured], facts, performance.now() - startedAt)
    print(verdict, { perSecond: Math.round((byStrangers.length * 1_000) / strangersMs), serverCpuMsEach: Number((serverCpuMs / byStrangers.length).toFixed(2)) })
    return verdict.breaches.length === 0
  } finally {
    await system.dispose()
  }
}

function print(verdict: PrekeyVerdict, speed: { readonly perSecond: number; readonly serverCpuMsEach: number }): void {
  const held = verdict.breaches.length === 0
  if (json) {
    console.log(JSON.stringify({ ...numbers, ...verdict, ...speed, held, machine: machineFacts() }))
    return
  }
  const { counts, most } = verdict
  console.log(`${numbers.nodes === 0 ? 'one process' : `a cluster of ${String(numbers.nodes)}`}: ${String(numbers.fetches)} fetches by ${String(numbers.requesters)} accounts for ${String(numbers.targets)} devices, and ${String(FAVOURED_FETCHES)} each by its own account and a contact`)
  console.log(`one-time keys handed out ${String(counts.one_time)}, last resorts ${String(counts.last_resort)}, refused by limit ${String(counts.limited)}, without an answer ${String(counts.unanswered)}, failed ${String(counts.failed)}`)
  console.log(`most bundles of one requester for one device ${String(most.perPair)} (limit ${String(PREKEY_PROMISES.pairBurst)})`)
  console.log(`most one-time keys of one device for strangers ${String(most.perTargetByStrangers)} (limit ${String(PREKEY_PROMISES.strangersPerHour)} an hour); fewest left by them ${String(verdict.leastLeftByStrangers)} (kept: ${String(PREKEY_PROMISES.kept)})`)
  console.log(`${String(speed.perSecond)} fetches/s, ${String(speed.serverCpuMsEach)} ms of server CPU each`)
  for (const breach of verdict.breaches.slice(0, 50)) console.log(`breach: ${breach}`)
  console.log(held ? 'held: no key twice, every limit kept, nobody got less than was due' : 'NOT HELD')
}

process.exitCode = (await run()) ? 0 : 1
