import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'

// Whole programs start here, after a build that may have something to do; a busy machine may take its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 })

const root = fileURLToPath(new URL('../../', import.meta.url))
const START_MS = 200_000
const LOOK_MS = 50

/** `npm start` without npm, on free ports. */
class Supervisor {
  readonly child: ChildProcess
  readonly #exited: Promise<number | string>
  output = ''

  constructor(
    dataDir: string, environment: Readonly<Record<string, string>> = {}, command: readonly [string, ...string[]] = [process.execPath, 'tools/start.mjs'],
  ) {
    const [program, ...args] = command
    this.child = spawn(program, args, {
      cwd: root, stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env, EVEGRAM_DATA_DIR: dataDir, EVEGRAM_HTTP_PORT: '0', EVEGRAM_WS_PORT: '0', EVEGRAM_ADMIN_PORT: '0', EVEGRAM_ECHO: 'on',
        ...environment,
      },
    })
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { this.output += text })
    this.#exited = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve(code ?? signal ?? 'gone')))
  }

  /** Resolves with what `pattern` captures in the output. */
  async prints(pattern: RegExp, timeoutMs = START_MS): Promise<string> {
    await until(`the output has ${String(pattern)}: ${this.output}`, () => pattern.test(this.output), timeoutMs)
    return pattern.exec(this.output)?.[1] ?? ''
  }

  /** The processes that it started. */
  async children(): Promise<ReadonlyMap<'server' | 'echo', number>> {
    const found = new Map<'server' | 'echo', number>()
    for (const { pid, parent, command } of await processes()) {
      if (parent !== this.child.pid) continue
      if (command.includes('standalone/dist/main.js')) found.set('server', pid)
      if (command.includes('evegram.js echo')) found.set('echo', pid)
    }
    return found
  }

  async end(signal: NodeJS.Signals): Promise<number | string> {
    this.child.kill(signal)
    return this.#exited
  }
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`not in ${String(timeoutMs)} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

interface RunningProcess {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** All processes of this machine: from proc(5) where there is one (small images have no `ps`), else from `ps`. */
async function processes(): Promise<RunningProcess[]> {
  if (!existsSync('/proc/self/stat')) {
    const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,ppid=,args='])
    const lines = [...stdout.matchAll(/^ *(\d+) +(\d+) (.*)$/gm)]
    return lines.map(([, pid, parent, command]) => ({ pid: Number(pid), parent: Number(parent), command: command ?? '' }))
  }
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      // Field 4, counted behind the command name, which may hold spaces and brackets.
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      return [{ pid: Number(name), parent, command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') }]
    } catch {
      // It ended while we looked.
      return []
    }
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // No such process.
    return false
  }
}

describe('npm start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evegram-start-'))
  const dataDir = join(folder, 'data')
  const supervisors: Supervisor[] = []
  const start = (data: string, environment?: Readonly<Record<string, string>>): Supervisor => {
    const supervisor = new Supervisor(data, environment)
    supervisors.push(supervisor)
    return supervisor
  }
  afterEach(async () => {
    for (const supervisor of supervisors.splice(0)) {
      const pids = [...(await supervisor.children()).values()]
      await supervisor.end('SIGKILL')
      await until('children are gone', () => !pids.some(isAlive), 20_000)
    }
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const evegram = async (url: string, ...args: readonly string[]): Promise<Readonly<Record<string, unknown>>[]> => {
    const common = ['--profile', join(folder, 'alice'), '--server', url, '--json']
    const { stdout } = await promisify(execFile)(process.execPath, ['clients/cli/bin/evegram.js', ...args, ...common], { cwd: root, timeout: 60_000 })
    return stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
  }
  const answerOf = async (url: string, echo: string, text: string): Promise<void> => {
    expect(await evegram(url, 'send', echo, text)).toMatchObject([{ acked: true }])
    expect(await evegram(url, 'listen', '--count', '1')).toMatchObject([{ from: echo, text }])
  }

  it('serves with an echo account, replaces a killed child on the same ports, ends with its supervisor, and goes on with the same data', async () => {
    const first = start(dataDir)
    const url = await first.prints(/Evegram runs: (\S+)/)
    await first.prints(/Open it in a browser and choose a demo wallet/)
    const echo = await first.prints(/Echo account \(answers every message\): (\S+)/)
    await evegram(url, 'keys', 'new', '--chain', 'terra', '--out', join(folder, 'alice.json'))
    await evegram(url, 'login', '--wallet', join(folder, 'alice.json'))
    await answerOf(url, echo, 'hello')

    const before = await first.children()
    for (const name of ['server', 'echo'] as const) {
      const pid = before.get(name) ?? 0
      process.kill(pid, 'SIGKILL')
      await until(`${name} is back`, async () => ![undefined, pid].includes((await first.children()).get(name)), 20_000)
    }
    await until('the server answers on its port again', () => fetch(url).then(({ ok }) => ok, () => false), 20_000)
    await answerOf(url, echo, 'after both were killed')

    const children = [...(await first.children()).values()]
    expect(children).toHaveLength(2)
    await first.end('SIGKILL')
    await until('both children ended with their supervisor', () => !children.some(isAlive), 15_000)

    const port = new URL(url).port
    const second = start(dataDir, { EVEGRAM_HTTP_PORT: port })
    expect(await second.prints(/Evegram runs: (\S+)/)).toBe(url)
    expect(await second.prints(/Echo account \(answers every message\): (\S+)/)).toBe(echo)
    await answerOf(url, echo, 'after everything was killed')
    expect(await second.end('SIGTERM')).toBe(0)
  })

  it.each(['SIGKILL', 'SIGTERM'] as const)('leaves nothing behind when npm itself gets %s', async (signal) => {
    const npm = new Supervisor(join(folder, `npm-${signal}`), { EVEGRAM_ECHO: 'off', EVEGRAM_WALLY: 'false' }, ['npm', 'start'])
    const url = await npm.prints(/Evegram runs: (\S+)/)
    await npm.end(signal)
    await until('the server is gone', () => fetch(url).then(() => false, () => true), 15_000)
  })

  it('stops with code 2 and advice when a setting is wrong, and starts without an echo on request', async () => {
    const wrong = start(join(folder, 'wrong'), { EVEGRAM_LOG_LEVEL: 'loud' })
    await wrong.prints(/EVEGRAM_LOG_LEVEL[^\n]*/)
    expect(await wrong.end('SIGCONT')).toBe(2)
    const alone = start(join(folder, 'alone'), { EVEGRAM_ECHO: 'off', EVEGRAM_WALLY: 'false' })
    await alone.prints(/Evegram runs: (\S+)/)
    expect([...(await alone.children()).keys()]).toEqual(['server'])
    expect(await alone.end('SIGINT')).toBe(0)
    expect(alone.output).not.toContain('Echo')
  })
})
