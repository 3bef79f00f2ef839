import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leftByTheDead, ownName } from '../cluster/leftovers.mjs'
import { prepareRig } from '../cluster/rig.mjs'
import { removeHeaderless } from '../services/cassandra.mjs'

type Rig = Awaited<ReturnType<typeof prepareRig>>

const dir = mkdtempSync(join(tmpdir(), 'evegram-rig-test-'))
const servicesDir = join(dir, 'services')
const said: string[] = []
const prepare = (wanted: readonly string[], nodes: number, environment: Readonly<Record<string, string | undefined>> = process.env): Promise<Rig> =>
  prepareRig({ wanted, nodes, dir, servicesDir, environment, say: (line) => { said.push(line) } })
/** A test that needs what this machine may lack is skipped by the words of the rig itself, which a fault run prints as well. */
const whyNot = (rig: Rig, name: string): string | undefined => rig.states.find((state) => state.name === name)?.missing

let rig: Rig
beforeAll(async () => { rig = await prepare(['cable', 'disk', 'clocks'], 3) }, 180_000)
afterAll(async () => {
  await rig.remove()
  rmSync(dir, { recursive: true, force: true })
})

describe('a cable', () => {
  const PORT = 9_999
  const ECHO = `require('node:net').createServer((socket) => socket.pipe(socket)).listen(${String(PORT)}, process.argv[1], () => console.log('up'))`
  const answers = (host: string, withinMs: number): Promise<boolean> => new Promise((resolve) => {
    const socket = connect({ host, port: PORT })
    const end = (answered: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answered)
    }
    const timer = setTimeout(() => { end(false) }, withinMs)
    socket.on('connect', () => socket.write('x')).on('data', () => { end(true) }).on('error', () => { end(false) })
  })

  it('that is pulled cuts off the process behind it, and the plug brings it back', async ({ skip }) => {
    const why = whyNot(rig, 'cable')
    skip(why !== undefined, why)
    const [, , inside = ''] = rig.hosts ?? []
    const { command, args } = rig.enclose({ name: 'cassandra-3', start: { command: process.execPath, args: ['-e', ECHO, inside] } })
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await new Promise((resolve) => { child.stdout.once('data', resolve) })
      expect(await answers(inside, 5_000)).toBe(true)
      await rig.cut('cassandra-3')
      expect(await answers(inside, 1_000)).toBe(false)
      await rig.mend('cassandra-3')
      expect(await answers(inside, 10_000)).toBe(true)
    } finally {
      child.kill('SIGKILL')
    }
  }, 60_000)

  it('belongs to one node alone', () => {
    const start = { command: 'java', args: ['-version'] }
    expect(rig.enclose({ name: 'cassandra-1', start })).toBe(start)
    expect(() => rig.cut('cassandra-1')).toThrow('cassandra-1 has no cable')
  })
})

describe('a small disk', () => {
  it('takes nothing more when it is filled, and something again when it is cleared', ({ skip }) => {
    const why = whyNot(rig, 'disk')
    skip(why !== undefined, why)
    const file = join(servicesDir, 'nodes-3', 'cassandra-2', 'commitlog', 'segment')
    writeFileSync(file, 'before')
    expect(rig.fill('cassandra-2').bytes).toBeGreaterThan(300_000_000)
    expect(() => { writeFileSync(`${file}-2`, 'x'.repeat(4_096)) }).toThrow(expect.objectContaining({ code: 'ENOSPC' }) as Error)
    rig.clear('cassandra-2')
    writeFileSync(`${file}-2`, 'x'.repeat(4_096))
    expect(existsSync(file)).toBe(true)
  }, 60_000)
})

describe('segments of a commit log', () => {
  it('are removed when a full disk left them without a header, and kept with one, and so is what is none', () => {
    const commitlog = join(dir, 'commitlog')
    mkdirSync(commitlog)
    const written = Buffer.concat([Buffer.from([0, 0, 0, 8]), Buffer.alloc(100)])
    for (const [name, bytes] of [['CommitLog-8-1.log', written], ['CommitLog-8-2.log', Buffer.alloc(104)], ['CommitLog-8-3.log', Buffer.alloc(0)], ['ballast', Buffer.alloc(9)]] as const) {
      writeFileSync(join(commitlog, name), bytes)
    }
    expect(removeHeaderless(commitlog)).toEqual(['CommitLog-8-2.log', 'CommitLog-8-3.log'])
    expect(readdirSync(commitlog).sort()).toEqual(['CommitLog-8-1.log', 'ballast'])
  })
})

describe('a clock', () => {
  const READ = 'const wall = Date.now(); console.log(wall); setTimeout(() => console.log(Date.now() - wall), 50)'

  it('that is set wrong moves the wall time of its process alone, and no interval', ({ skip }) => {
    const why = whyNot(rig, 'clocks')
    skip(why !== undefined, why)
    const env = { ...process.env, ...rig.environmentOf('engine-1') }
    const read = (): readonly [aheadMs: number, tookMs: number] => {
      const [wall, took] = execFileSync(process.execPath, ['-e', READ], { env, encoding: 'utf8' }).split('\n').map(Number)
      return [Math.abs((wall ?? 0) - Date.now()), took ?? 0]
    }
    expect(read()[0]).toBeLessThan(20_000)
    rig.setClock('engine-1', -3_600_000)
    const [aheadMs, tookMs] = read()
    expect(aheadMs).toBeGreaterThan(3_500_000)
    expect(tookMs).toBeLessThan(20_000)
    rig.setClock('engine-1', 0)
    expect(read()[0]).toBeLessThan(20_000)
  }, 60_000)
})

describe('what cannot be prepared', () => {
  it('is named with its reason, and the rest is left as it was', async () => {
    const alone = await prepare(['cable', 'disk', 'clocks'], 1, { ...process.env, EVEGRAM_FAKETIME: '/nowhere.so' })
    expect(alone.states.map(({ name, missing }) => [name, missing])).toEqual([
      ['cable', 'with one node of Cassandra everything would be cut off'], ['disk', 'with one node of Cassandra every write would fail'],
      ['clocks', 'there is no /nowhere.so (EVEGRAM_FAKETIME)'],
    ])
    expect(() => { alone.setClock('engine-1', 5) }).toThrow('engine has no clocks')
    await alone.remove()
  })

  it('of clusters that are gone is cleared away, and of those that run is not', () => {
    const gone = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim()
    expect(leftByTheDead([ownName(), ownName(Number(gone)), 'evegram-rig-0', 'evegram-rig-x', 'other'])).toEqual([ownName(Number(gone))])
  })
})
