import { BODY_TYPE, directConversationIdOf, encodeEnvelope, ENVELOPE_KIND, type AccountId } from '@evegram/protocol'
import { ClusterProcess } from '../cluster-process.js'
import { requireOpenFiles } from '../open-files.js'
import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { Progress } from '../progress.js'
import { scrapedSum } from '../scrape.js'
import { CONCURRENT_ACCOUNTS_CLUSTER, enrolMany } from '../raw/many-devices.js'
import { RawEnrolment, type RawDevice } from '../raw/raw-device.js'
import { percentile } from '../faults/gaps.js'
import { StormClient } from './storm-client.js'

const { numbers, texts, json } = readRunOptions(
  'npm run storm -- [--clients 5000] [--engines 3] [--nodes 1] [--kill all|one]\n\n' +
    'Connects that many devices to a cluster, kills its engines with -9 at once (or one of them), and sends a message to every account as soon as\n' +
    'anybody can send again. Every device has to come back by the links of the SDK, catch up, and have both messages.',
  {
    clients: { default: 5_000, min: 16, max: 15_000, help: 'devices that are connected' },
    engines: { default: 3, min: 1, max: 8, help: 'engines' },
    nodes: { default: 1, min: 1, max: 3, help: 'nodes of Cassandra and NATS: 1 or 3; three of them on one small machine take most of the time to sign everybody in' },
    deadline: { default: 300, min: 5, max: 1_800, help: 'seconds in which everybody must be connected first, and back after the kill' },
  },
  { kill: 'all engines at once (default), or one' },
)
const DEVICES_PER_ACCOUNT = 16
const SHARE = 0.95
const SENDS_AT_ONCE = 8
const POLL_MS = 50
/** Files and sockets of a process beside one for each client. */
const FILES_BESIDE = 500
const STORE_READS = /^\w*cassandra_requests_total\{[^}]*kind="read(_serial)?"/

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Sends one message with a body for every device of an account, again and again until it is stored. */
async function sendTo(sender: StormClient, account: AccountId, devices: readonly RawDevice[], number: number): Promise<void> {
  const { device } = sender
  const envelope = encodeEnvelope({
    kind: ENVELOPE_KIND.message, conversation: directConversationIdOf(device.account, account), device: device.device, account: device.account,
    epoch: 1, number, order: BigInt(Date.now()) << 16n, membershipVersion: 1, accounts: [{ account: device.account, seq: 1 }, { account, seq: devices.length }],
    bodies: devices.map((to) => ({ device: to.device, type: BODY_TYPE.opaque, bytes: new Uint8Array(100) })),
  })
  for (;;) {
    try {
      const { connection } = sender
      if (connection !== undefined) {
        await connection.open(account)
        const outcome = await connection.send(envelope, 0)
        if (outcome.status === 'stored') return
        if (!outcome.failure.code.startsWith('unavailable.') && !outcome.failure.code.startsWith('limited.')) throw new Fatal(`send: ${outcome.failure.code}`)
      }
    } catch (error) {
      // The connection went: the same bytes go over the next one.
      if (error instanceof Fatal) throw error
    }
    await sleep(POLL_MS)
  }
}

class Fatal extends Error {}

async function run(): Promise<boolean> {
  if (![1, 3].includes(numbers.nodes) || !['all', 'one'].includes(texts['kill'] ?? 'all')) {
    console.error('--nodes is 1 or 3, --kill all or one.')
    process.exit(2)
  }
  // One engine may get everybody, while the others are away.
  requireOpenFiles(numbers.clients + FILES_BESIDE)
  const cluster = new ClusterProcess({ EVEGRAM_RATE_FACTOR: '1000' })
  const clients: StormClient[] = []
  try {
    await cluster.start(numbers.nodes, numbers.engines)
    const enrolment = await RawEnrolment.open(cluster.url)
    const [own] = await enrolMany(enrolment, 1, 1, { silent: true })
    const devices = await enrolMany(enrolment, numbers.clients, DEVICES_PER_ACCOUNT, { silent: json, concurrent: CONCURRENT_ACCOUNTS_CLUSTER })
    if (own === undefined) throw new Error('nobody could sign in')
    const sinceMs = Date.now()
    const sender = new StormClient(own, enrolment, sinceMs)
    clients.push(sender)
    await waitFor([sender], 'the sender is live', 30)
    for (const device of devices) {
      clients.push(new StormClient(device, enrolment, sinceMs))
      // Coming for the first time is not what is measured.
      if (clients.length % 50 === 0) await sleep(POLL_MS)
    }
    await waitFor(clients, 'connected', numbers.deadline)
    const accounts = new Map<AccountId, RawDevice[]>()
    for (const device of devices) accounts.set(device.account, [...accounts.get(device.account) ?? [], device])
    await sendAll(sender, accounts, 1)

    const engines = (await cluster.members()).filter(({ kind }) => kind === 'engine')
    const victims = texts['kill'] === 'one' ? engines.slice(0, 1) : engines
    const connectsBefore = clients.reduce((sum, { connects }) => sum + connects, 0)
    const [engineReadsBefore, authReadsBefore] = [await readsOf(cluster, 'engine'), await readsOf(cluster, 'auth')]
    const killedAtMs = performance.now()
    await Promise.all(victims.map(({ name }) => cluster.order({ kind: 'kill', name })))
    await sendAll(sender, accounts, 2)
    const isBack = (client: StormClient): boolean => client.syncedAtMs !== undefined &&
      (client === sender || (client.has(own.device, 1) && client.has(own.device, 2)))
    const deadline = performance.now() + numbers.deadline * 1_000
    const progress = new Progress('caught up', clients.length, { silent: json })
    while (performance.now() < deadline && !clients.every(isBack)) {
      progress.update(clients.filter(isBack).length)
      await sleep(POLL_MS)
    }
    progress.stop()
    const [engineReadsAfter, authReadsAfter] = [await readsOf(cluster, 'engine'), await readsOf(cluster, 'auth')]
    const back = clients.filter(isBack)
    const times = back.flatMap(({ syncedAtMs }) => (syncedAtMs !== undefined && syncedAtMs > killedAtMs ? [syncedAtMs - killedAtMs] : [])).sort((left, right) => left - right)
    const reconnects = clients.reduce((sum, { connects }) => sum + connects, 0) - connectsBefore
    // What was killed counts from nothing again.
    const engineReads = texts['kill'] === 'one' ? engineReadsAfter - engineReadsBefore : engineReadsAfter
    const authReads = authReadsAfter - authReadsBefore
    const perClient = (reads: number): number => Number((reads / Math.max(1, times.length)).toFixed(1))
    const stopped = clients.flatMap(({ stopped: code }) => (code === undefined ? [] : [code]))
    const held = back.length === clients.length && stopped.length === 0
    const seconds = (ms: number): string => (ms / 1_000).toFixed(1)
    if (json) {
      console.log(JSON.stringify({
        ...numbers, kill: texts['kill'] ?? 'all', caughtUp: back.length, reconnected: times.length, secondsTo95: percentile(times, SHARE) / 1_000,
        secondsToAll: (times.at(-1) ?? 0) / 1_000, reconnects, storeReadsPerClient: perClient(engineReads + authReads), engineReads, authReads, stopped, held, machine: machineFacts(),
      }))
    } else {
      console.log(`${String(back.length)} of ${String(clients.length)} devices are caught up and have both messages; ${String(times.length)} had to come back`)
      console.log(`back after the kill: half ${seconds(percentile(times, 0.5))} s, 95 % ${seconds(percentile(times, SHARE))} s, all ${seconds(times.at(-1) ?? 0)} s; the engines' own restart is in it`)
      console.log(`${String(reconnects)} connections; store reads for each device that came back: ${String(perClient(engineReads + authReads))} (engines ${String(perClient(engineReads))}, auth ${String(perClient(authReads))})`)
      for (const code of new Set(stopped)) console.log(`gave up: ${code}`)
      const machine = machineFacts()
      console.log(`${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, ${machine.commit}; everything on this one machine`)
      console.log(held ? 'held: everybody is back and nothing is missing' : 'NOT HELD')
    }
    return held
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()))
    await cluster.dispose()
  }
}

/** Reads from the stores that the processes of a kind have made so far. */
async function readsOf(cluster: ClusterProcess, wanted: 'engine' | 'auth'): Promise<number> {
  return scrapedSum((await cluster.members()).filter(({ kind }) => kind === wanted), STORE_READS)
}

async function sendAll(sender: StormClient, accounts: ReadonlyMap<AccountId, readonly RawDevice[]>, number: number): Promise<void> {
  const waiting = [...accounts]
  const progress = new Progress(`message ${String(number)} stored, accounts`, waiting.length, { silent: json })
  let stored = 0
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await sendTo(sender, next[0], next[1], number)
      progress.update(++stored)
    }
  }
  await Promise.all(Array.from({ length: SENDS_AT_ONCE }, work))
  progress.stop()
}

async function waitFor(clients: readonly StormClient[], what: string, seconds: number): Promise<void> {
  const deadline = performance.now() + seconds * 1_000
  const progress = new Progress(what, clients.length, { silent: json })
  for (;;) {
    const live = clients.filter(({ syncedAtMs }) => syncedAtMs !== undefined).length
    progress.update(live)
    if (live === clients.length) break
    if (performance.now() > deadline) throw new Error(`${what}: ${String(live)} of ${String(clients.length)} in ${String(seconds)} s`)
    await sleep(POLL_MS)
  }
  progress.stop()
}

process.exitCode = (await run()) ? 0 : 1
