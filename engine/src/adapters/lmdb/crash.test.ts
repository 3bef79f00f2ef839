import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@evegram/platform'
import { positionAtTime, viewEnvelope, type Position } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sampleAccount, sampleConversation } from '../../ports/sample-envelope.contract.js'
import { openEngineStore } from './store.js'

const ROUNDS = 4
/** Each round starts a process; on a machine under load one takes seconds. */
const TIMEOUT_MS = 90_000
const CHILD = fileURLToPath(new URL('append-forever.contract.ts', import.meta.url))
const PATHS = fileURLToPath(new URL('../../../../tsconfig.lint.json', import.meta.url))

const START = positionAtTime(0)
const HAS_PRLIMIT = spawnSync('prlimit', ['--version']).status === 0
const sleepMs = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

interface Acked {
  readonly conversation: string
  readonly number: number
  readonly position: Position
}

/** Runs the appending process, before it `command`; calls back with each line. */
function startChild(dir: string, onLine: (line: string) => void, command: readonly string[] = []): ChildProcessByStdio<null, Readable, Readable> {
  const [file, ...rest] = [...command, process.execPath, '--import', 'tsx', CHILD, dir]
  if (file === undefined) throw new Error('no command')
  // The compiler's map of workspace names lets the child run the sources, as the tests do.
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TSX_TSCONFIG_PATH: PATHS } })
  createInterface({ input: child.stdout }).on('line', onLine)
  return child
}

function parseAcked(line: string): Acked | undefined {
  const match = /^acked ([0-9a-f]{32}) (\d+) (\d+) (\d+) (\d+)$/.exec(line)
  if (match === null) return undefined
  const [number = 0, timeMs = 0, incarnation = 0, counter = 0] = match.slice(2).map(Number)
  return { conversation: match[1] ?? '', number, position: { timeMs, incarnation, counter } }
}

/** `number@position` of every stored copy; checks each copy's bytes on the way. */
async function readStore(dir: string): Promise<{ copies: string[]; floorMs: number; marked: number }> {
  const store = openEngineStore({ dir, clock: systemClock() })
  const copies: string[] = []
  for (let conversation = 0; conversation < 5; conversation++) {
    for (const { position, envelope } of await store.envelopeLog.read(sampleConversation(conversation), START, 1_000_000)) {
      const view = viewEnvelope(envelope)
      const [body] = view.bodies
      if (body === undefined || !envelope.subarray(body.start + 24, body.end).every((byte) => byte === view.number % 251)) throw new Error('damaged copy')
      copies.push(keyOf({ conversation: view.conversation, number: view.number, position }))
    }
  }
  const { floorMs } = await store.nodeRegistry.claim()
  const marked = (await store.marks.since(sampleAccount(1), 0, 100)).length
  await store.close()
  return { copies, floorMs, marked }
}

const keyOf = ({ conversation, number, position }: Acked): string =>
  `${conversation} ${number} @ ${position.timeMs} ${position.incarnation} ${position.counter}`

describe('the embedded store under a process that dies', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'engine-crash-'))
  })
  afterEach(async () => {
    await rm(dir, { recursive: true })
  })

  it('has every acknowledged append exactly once, at its position, after kill -9 at random moments', async () => {
    const acked: Acked[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const before = acked.length
      const child = startChild(dir, (line) => {
        const one = parseAcked(line)
        if (one !== undefined) acked.push(one)
      })
      let complaints = ''
      child.stderr.on('data', (data: Buffer) => { complaints += data.toString() })
      const exited = new Promise<void>((resolve) => { child.once('close', () => { resolve() }) })
      while (acked.length === before && child.exitCode === null) await sleepMs(5)
      await sleepMs(randomInt(250))
      child.kill('SIGKILL')
      await exited
      expect(complaints).toBe('')
      const { copies, floorMs, marked } = await readStore(dir)
      const stored = new Map<string, number>()
      for (const copy of copies) stored.set(copy, (stored.get(copy) ?? 0) + 1)
      expect(acked.filter((one) => stored.get(keyOf(one)) !== 1)).toEqual([])
      expect(floorMs).toBeGreaterThanOrEqual(acked.reduce((largest, one) => Math.max(largest, one.position.timeMs), 0))
      expect(marked).toBe(5)
    }
    expect(acked.length).toBeGreaterThan(ROUNDS * 50)
  }, TIMEOUT_MS)

  it.skipIf(!HAS_PRLIMIT)('refuses appends on a full disk, takes them again when there is room, and loses none that it took', async () => {
    const acked: Acked[] = []
    const refused: string[] = []
    // A limit of the file size stands for the full disk: the write fails half way in the same place.
    const child = startChild(dir, (line) => {
      const one = parseAcked(line)
      if (one !== undefined) acked.push(one)
      else if (line.startsWith('refused')) refused.push(line)
    }, ['prlimit', '--fsize=3000000:unlimited'])
    // lmdb itself complains on stderr for each failed commit.
    child.stderr.resume()
    const exited = new Promise<void>((resolve) => { child.once('close', () => { resolve() }) })
    while (refused.length < 50 && child.exitCode === null) await sleepMs(10)
    expect(acked.length).toBeGreaterThan(100)
    // EFBIG, or EIO after a write that was taken in part.
    expect(refused[0]).toMatch(/^refused unavailable\.envelope_log (27|5)$/)
    const ackedWhenFull = acked.length
    spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited'])
    while (acked.length < ackedWhenFull + 2_000 && child.exitCode === null) await sleepMs(10)
    child.kill('SIGKILL')
    await exited
    const stored = new Set((await readStore(dir)).copies)
    expect(acked.filter((one) => !stored.has(keyOf(one)))).toEqual([])
    expect(acked.length).toBeGreaterThanOrEqual(ackedWhenFull + 2_000)
  }, TIMEOUT_MS)
})
