import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readRunOptions } from '../options.js'
import { machineFacts } from '../process-cost.js'
import { Progress } from '../progress.js'
import { ServerProcess } from '../server-process.js'
import { audit, type ClassResult, type DeviceView } from './audit.js'
import type { ClientSettings, FromClient, ShownConversation, ToClient } from './client-protocol.js'
import { conversationName, planClients, type ClientPlan } from './plan.js'

const CLIENT_MAIN = fileURLToPath(new URL('client-process.js', import.meta.url))
const CHAINS = ['solana', 'ton', 'terra'] as const
/** Time without any progress after which a run is given up: what is missing then is reported as missing. */
const STALL_MS = 60_000
const READY_TIMEOUT_MS = 120_000
const POLL_MS = 100

const { numbers, texts, json } = readRunOptions(
  'npm run crash -- [--clients 20] [--messages 10000] [--kills 5] [--victim server|client]\n\n' +
    'Real clients (a process each, two devices an account, three chains) chat while the server, or clients, are killed with -9 at random\n' +
    'moments. In the end every device of both sides must show every acknowledged message once, in one order.',
  {
    clients: { default: 20, min: 2, max: 64, help: 'client processes' },
    messages: { default: 10_000, min: 1, max: 1_000_000, help: 'messages in all' },
    kills: { default: 5, min: 0, max: 1_000, help: 'kills at random moments' },
  },
  { victim: 'who is killed: server (default) or client' },
)
const victim = texts['victim'] ?? 'server'
if (victim !== 'server' && victim !== 'client') {
  console.error('--victim must be server or client.')
  process.exit(2)
}

/** One client process and what is known of it. */
class ClientHandle {
  readonly plan: ClientPlan
  readonly ackFile: string
  readonly #settings: ClientSettings
  #child: ChildProcess | undefined
  #expectedExit = false
  acked = 0
  address = ''
  starts = 0
  onFailure: (message: string) => void = () => undefined
  #report: ((report: Extract<FromClient, { kind: 'report' }>) => void) | undefined

  constructor(plan: ClientPlan, settings: ClientSettings) {
    this.plan = plan
    this.ackFile = settings.ackFile
    this.#settings = settings
  }

  async start(): Promise<void> {
    this.starts++
    this.#expectedExit = false
    const child = fork(CLIENT_MAIN, [JSON.stringify(this.#settings)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child = child
    child.on('exit', (code, signal) => {
      if (!this.#expectedExit && child === this.#child) this.onFailure(`client ${this.plan.name} ended with ${signal ?? `code ${String(code)}`}`)
    })
    await new Promise<void>((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`client ${this.plan.name} was not ready in time`)), READY_TIMEOUT_MS)
      child.on('message', (message: FromClient) => {
        switch (message.kind) {
          case 'ready':
            clearTimeout(timeout)
            this.address = message.address
            resolve()
            break
          case 'progress':
            break
          case 'report':
            this.#report?.(message)
            break
          case 'failed':
            clearTimeout(timeout)
            reject(new Error(`client ${this.plan.name}: ${message.message}`))
            this.onFailure(`client ${this.plan.name}: ${message.message}`)
            break
          default:
            message satisfies never
        }
      })
    })
  }

  tell(message: ToClient): void {
    this.#child?.send(message)
  }

  /** Whether it is being killed and started again. */
  busy = false

  /** Kills it with -9, starts it again on its profile and lets it go on. */
  async restart(order: ToClient): Promise<void> {
    this.busy = true
    try {
      await this.#end('SIGKILL')
      await this.start()
      this.tell(order)
    } finally {
      this.busy = false
    }
  }

  async stop(): Promise<void> {
    this.#expectedExit = true
    this.tell({ kind: 'stop' })
    await Promise.race([this.#ended(), new Promise((resolve) => setTimeout(resolve, 5_000))])
    await this.#end('SIGKILL')
  }

  report(): Promise<Extract<FromClient, { kind: 'report' }>> {
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`client ${this.plan.name} did not report`)), READY_TIMEOUT_MS)
      this.#report = (report) => {
        clearTimeout(timeout)
        resolve(report)
      }
      this.tell({ kind: 'report' })
    })
  }

  /** Acknowledged messages so far, from the file that survives kills. */
  ackedTexts(): string[] {
    return existsSync(this.ackFile) ? readFileSync(this.ackFile, 'utf8').split('\n').filter((line) => line !== '') : []
  }

  async #end(signal: 'SIGKILL'): Promise<void> {
    this.#expectedExit = true
    const ended = this.#ended()
    this.#child?.kill(signal)
    await ended
  }

  #ended(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => child.once('exit', () => resolve()))
  }
}

async function run(): Promise<boolean> {
  const startedAt = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'evegram-crash-'))
  const server = new ServerProcess({ EVEGRAM_RATE_FACTOR: '1000' })
  const plans = planClients(numbers.clients, numbers.messages)
  const failures: string[] = []
  const clients: ClientHandle[] = []
  try {
    await server.start()
    const seeds = plans.filter((plan) => plan.device === 0).map(() => randomBytes(32).toString('base64url'))
    for (const plan of plans) {
      mkdirSync(join(folder, plan.name), { recursive: true })
      const client = new ClientHandle(plan, {
        name: plan.name, url: server.addresses.url, profile: join(folder, plan.name), seed: seeds[plan.account] ?? '',
        chain: CHAINS[plan.account % CHAINS.length] ?? 'solana', messages: plan.messages, ackFile: join(folder, `${plan.name}.acked`),
      })
      client.onFailure = (message) => failures.push(message)
      clients.push(client)
    }
    // Founding devices first: an added device needs the account.
    for (const device of [0, 1]) await inGroups(clients.filter(({ plan }) => plan.device === device), 4, (client) => client.start())
    const addressOf = new Map(clients.map(({ plan, address }) => [plan.account, address]))
    const sendOrder = (client: ClientHandle): ToClient => ({ kind: 'send', peerAddress: addressOf.get(client.plan.peer) ?? '' })
    for (const client of clients) client.tell(sendOrder(client))

    const kills = killMoments(numbers.kills, numbers.messages)
    const progress = new Progress('acknowledged', numbers.messages, { silent: json })
    let killed = 0
    let restartMs = 0
    let lastAcked = -1
    let stalledSince = performance.now()
    for (;;) {
      const acked = clients.reduce((sum, client) => sum + client.ackedTexts().length, 0)
      progress.update(acked)
      if (acked > lastAcked) stalledSince = performance.now()
      lastAcked = acked
      if (failures.length > 0 || acked >= numbers.messages || performance.now() - stalledSince > STALL_MS) break
      if (acked >= (kills[killed] ?? Number.POSITIVE_INFINITY)) {
        killed++
        if (victim === 'server') {
          await server.kill()
          restartMs += await server.start()
        } else {
          // Killed and started again beside the others, which go on meanwhile.
          const running = clients.filter(({ busy }) => !busy)
          const client = running[randomInt(Math.max(1, running.length))]
          if (client === undefined) killed--
          else client.restart(sendOrder(client)).catch((error: unknown) => failures.push(String(error)))
        }
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    progress.stop()
    while (clients.some(({ busy }) => busy)) await new Promise((resolve) => setTimeout(resolve, POLL_MS))

    const acked = new Set(clients.flatMap((client) => client.ackedTexts()))
    const accountOf = new Map(clients.map(({ plan, address }) => [address, plan.account]))
    const reports = await settle(clients, acked, plans, accountOf)
    const results = audit(acked, plans, reports.views)
    const healthy = failures.length === 0 && acked.size === numbers.messages && results.every(({ duplicate, missing, reordered }) => duplicate + missing + reordered === 0)
    print(results, { acked: acked.size, killed, restartMs, counters: reports.counters, seconds: (performance.now() - startedAt) / 1000, failures, healthy })
    return healthy
  } finally {
    await Promise.allSettled(clients.map((client) => client.stop()))
    await server.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Random numbers of acknowledged messages at which a kill is due, ascending. */
function killMoments(kills: number, messages: number): number[] {
  return Array.from({ length: kills }, () => randomInt(Math.max(1, Math.floor(messages * 0.02)), Math.max(2, Math.floor(messages * 0.9)))).sort((left, right) => left - right)
}

/** Asks for reports until every acknowledged message is shown everywhere, or nothing changes any more. */
async function settle(
  clients: readonly ClientHandle[], acked: ReadonlySet<string>, plans: readonly ClientPlan[], accountOf: ReadonlyMap<string, number>,
): Promise<{ readonly views: DeviceView[]; readonly counters: Readonly<Record<string, number>> }> {
  let stalledSince = performance.now()
  let lastShown = -1
  for (;;) {
    const counters: Record<string, number> = {}
    const views: DeviceView[] = []
    for (const client of clients) {
      const report = await client.report()
      for (const [name, value] of Object.entries(report.counters)) counters[name] = (counters[name] ?? 0) + value
      views.push({ plan: client.plan, conversations: namedConversations(client.plan, report.conversations, accountOf) })
    }
    const results = audit(acked, plans, views)
    const shown = results.reduce((sum, result) => sum + result.shown, 0)
    if (shown > lastShown) stalledSince = performance.now()
    lastShown = shown
    if (results.every(({ missing }) => missing === 0) || performance.now() - stalledSince > STALL_MS / 2) return { views, counters }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

function namedConversations(plan: ClientPlan, shown: readonly ShownConversation[], accountOf: ReadonlyMap<string, number>): Map<string, readonly string[]> {
  const named = new Map<string, readonly string[]>([[conversationName(plan.account, plan.peer), []]])
  for (const { peerAddress, texts: lines } of shown) {
    const peer = accountOf.get(peerAddress)
    if (peer !== undefined) named.set(conversationName(plan.account, peer), lines)
  }
  return named
}

async function inGroups<Item>(items: readonly Item[], size: number, work: (item: Item) => Promise<void>): Promise<void> {
  for (let index = 0; index < items.length; index += size) await Promise.all(items.slice(index, index + size).map(work))
}

interface Summary {
  readonly acked: number
  readonly killed: number
  readonly restartMs: number
  readonly counters: Readonly<Record<string, number>>
  readonly seconds: number
  readonly failures: readonly string[]
  readonly healthy: boolean
}

function print(results: readonly ClassResult[], summary: Summary): void {
  const { acked, killed, restartMs, counters, seconds, failures, healthy } = summary
  if (json) {
    console.log(JSON.stringify({
      victim, clients: numbers.clients, messages: numbers.messages, acked, kills: killed, classes: results, counters, failures, healthy,
      restartMsMean: killed > 0 && victim === 'server' ? Math.round(restartMs / killed) : undefined, seconds: Number(seconds.toFixed(1)), machine: machineFacts(),
    }))
    return
  }
  console.log(`${String(numbers.clients)} clients, ${String(numbers.messages)} messages, ${String(killed)} times a ${victim} killed with -9, ${seconds.toFixed(0)} s`)
  console.log('device class                    acked    shown  duplicate  missing  reordered')
  for (const { deviceClass, acked: due, shown, duplicate, missing, reordered } of results) {
    const cells = [[due, 8], [shown, 9], [duplicate, 11], [missing, 9], [reordered, 11]] as const
    console.log(deviceClass.padEnd(29) + cells.map(([value, width]) => String(value).padStart(width)).join(''))
  }
  if (killed > 0 && victim === 'server') console.log(`the server was back after ${(restartMs / killed / 1000).toFixed(1)} s on average`)
  for (const [name, value] of Object.entries(counters)) console.log(`${name}: ${String(value)}`)
  for (const failure of failures) console.log(`failure: ${failure}`)
  if (acked < numbers.messages) console.log(`only ${String(acked)} of ${String(numbers.messages)} messages were acknowledged`)
  console.log(healthy ? 'held: nothing acknowledged is missing, doubled or out of order' : 'NOT HELD')
}

process.exitCode = (await run()) ? 0 : 1
