import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTcp, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startEdge } from '../cluster/edge.mjs'
import { keyEnvironment, loadKeys } from '../cluster/keys.mjs'
import { carryOut, type OrderedCluster } from '../cluster/orders.mjs'
import { authRecipe, blobsRecipe, engineRecipe, planPorts, publicUrls, wallyRecipe, type ClusterContext } from '../cluster/plan.mjs'
import { Supervised } from '../cluster/supervised.mjs'
import { beginningIn, chainsFile } from '../cluster/wally.mjs'

let dir: string
let closers: (() => unknown)[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'evegram-cluster-test-'))
  closers = []
})
afterEach(async () => {
  for (const close of closers) await close()
  rmSync(dir, { recursive: true, force: true })
})

describe('the edge', () => {
  const target = async (listener: RequestListener): Promise<{ host: string, port: number, server: Server }> => {
    const server = createServer(listener)
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    closers.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, server }
  }
  /** A port that refuses connections. */
  const nobody = async (): Promise<{ host: string, port: number }> => {
    const server = createTcp()
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => { server.close(resolve) })
    return { host: '127.0.0.1', port }
  }
  const edgeOver = async (...targets: readonly { host: string, port: number }[]): Promise<number> => {
    const edge = await startEdge({ port: 0, targets: () => targets })
    closers.push(() => edge.close())
    return edge.port
  }
  const ask = (port: number, options: { method?: string, headers?: Record<string, string>, body?: string | Buffer } = {}): Promise<{ answer: IncomingMessage, text: string }> =>
    new Promise((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', path: '/v1/thing?a=b', agent: false, method: options.method ?? 'GET', headers: options.headers ?? {} }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
        answer.on('end', () => { resolve({ answer, text }) })
        answer.on('error', reject)
      })
      asked.on('error', reject)
      asked.end(options.body)
    })
  const readAll = async (incoming: IncomingMessage): Promise<Buffer> => {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    return Buffer.concat(parts)
  }

  it('passes on method, path, host, body, status, headers and several cookies as they are', async () => {
    const port = await edgeOver(await target((incoming, outgoing) => {
      void readAll(incoming).then((body) => {
        outgoing.writeHead(201, { 'x-own': 'yes', 'set-cookie': ['a=1', 'b=2'] })
        outgoing.end(JSON.stringify([incoming.method, incoming.url, incoming.headers.host, incoming.headers['x-forwarded-for'], incoming.headers['dpop'], String(body)]))
      })
    }))
    const { answer, text } = await ask(port, { method: 'POST', headers: { 'host': 'chat.example:8080', 'dpop': 'proof', 'content-type': 'text/plain' }, body: 'hello' })
    expect([answer.statusCode, answer.headers['x-own'], answer.headers['set-cookie']]).toEqual([201, 'yes', ['a=1', 'b=2']])
    expect(JSON.parse(text)).toEqual(['POST', '/v1/thing?a=b', 'chat.example:8080', '127.0.0.1', 'proof', 'hello'])
  })

  it('chooses who answers by the path', async () => {
    const [auth, wally] = [await target((_incoming, outgoing) => { outgoing.end('auth') }), await target((_incoming, outgoing) => { outgoing.end('wally') })]
    const edge = await startEdge({ port: 0, targets: (path) => [path.startsWith('/v1/thing') ? wally : auth] })
    closers.push(() => edge.close())
    expect((await ask(edge.port)).text).toBe('wally')
  })

  it('keeps to itself what is between two neighbours', async () => {
    const port = await edgeOver(await target((incoming, outgoing) => { outgoing.end(JSON.stringify(incoming.headers)) }))
    const { text } = await ask(port, { headers: { 'connection': 'close, x-mine', 'x-mine': '1', 'te': 'trailers', 'x-kept': '1' } })
    expect(JSON.parse(text)).toMatchObject({ 'x-kept': '1' })
    expect(Object.keys(JSON.parse(text) as object)).not.toEqual(expect.arrayContaining(['te']))
    expect(Object.keys(JSON.parse(text) as object)).not.toContain('x-mine')
  })

  it('asks the processes in turn', async () => {
    const one = await target((_incoming, outgoing) => { outgoing.end('one') })
    const two = await target((_incoming, outgoing) => { outgoing.end('two') })
    const port = await edgeOver(one, two)
    const answers = []
    for (let count = 0; count < 4; count++) answers.push((await ask(port)).text)
    expect(answers).toEqual(['one', 'two', 'one', 'two'])
  })

  it('passes over a process that refuses connections, also with a body', async () => {
    const alive = await target((incoming, outgoing) => { void readAll(incoming).then((body) => outgoing.end(body)) })
    const port = await edgeOver(await nobody(), alive)
    for (let count = 0; count < 4; count++) expect((await ask(port, { method: 'POST', body: 'kept' })).text).toBe('kept')
  })

  it('never sends a request twice once a process may have read it', async () => {
    let heard = 0
    const dying = await target((incoming) => {
      heard++
      void readAll(incoming).then(() => incoming.socket.destroy())
    })
    const other = await target((_incoming, outgoing) => {
      heard++
      outgoing.end('second')
    })
    const port = await edgeOver(dying, other)
    const { answer, text } = await ask(port, { method: 'POST', body: 'pay' })
    expect([answer.statusCode, heard]).toEqual([502, 1])
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'unavailable.auth' } })
  })

  it('lets requests wait for their turn, longer than for a connection, when a process is busy with many', async () => {
    const port = await edgeOver(await target((_incoming, outgoing) => { setTimeout(() => { outgoing.end('late') }, 2_500) }))
    const answers = await Promise.all(Array.from({ length: 80 }, () => ask(port, { method: 'POST', body: 'kept' })))
    expect(new Set(answers.map(({ answer, text }) => `${String(answer.statusCode)} ${text}`))).toEqual(new Set(['200 late']))
  })

  it('answers 503 when nobody is there', async () => {
    expect((await ask(await edgeOver())).answer.statusCode).toBe(503)
    expect((await ask(await edgeOver(await nobody()))).answer.statusCode).toBe(503)
  })

  it('streams a large answer, and breaks off one that its process broke off', async () => {
    const large = Buffer.alloc(4_000_000, 'x')
    const whole = await edgeOver(await target((_incoming, outgoing) => { outgoing.end(large) }))
    expect((await ask(whole)).text.length).toBe(large.length)
    const half = await edgeOver(await target((_incoming, outgoing) => {
      outgoing.writeHead(200, { 'content-length': '100' })
      outgoing.write('half', () => { outgoing.destroy() })
    }))
    await expect(ask(half)).rejects.toThrow()
  })
})

describe('the keys of a cluster', () => {
  it('are made once, for the eyes of their owner, and sign what their public parts verify', () => {
    const keys = loadKeys(dir)
    expect(loadKeys(dir)).toEqual(keys)
    expect(statSync(join(dir, 'keys.json')).mode & 0o777).toBe(0o600)
    const environment = keyEnvironment(keys, 'engine')
    expect(Buffer.from(environment.EVEGRAM_SECRETS_KEY, 'base64url').length).toBe(32)
    const [, own = ''] = /engine=([^,]+)/.exec(environment.EVEGRAM_SERVICE_KEYS) ?? []
    // RFC 8410: PKCS #8 and SPKI frames around the 32 bytes.
    const privateKey = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(environment.EVEGRAM_SERVICE_KEY, 'base64url')]), format: 'der', type: 'pkcs8' })
    const publicKey = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(own, 'base64url')]), format: 'der', type: 'spki' })
    expect(verify(null, Buffer.from('text'), publicKey, sign(null, Buffer.from('text'), privateKey))).toBe(true)
    expect(keyEnvironment(keys, 'auth').EVEGRAM_SERVICE_KEY).not.toBe(environment.EVEGRAM_SERVICE_KEY)
  })

  it('of an older release stay, and get what was not made then', () => {
    const { services: { auth, engine }, secretsKey, wally } = loadKeys(dir)
    writeFileSync(join(dir, 'keys.json'), JSON.stringify({ services: { auth, engine }, secretsKey }))
    const keys = loadKeys(dir)
    expect(keys).toMatchObject({ services: { auth, engine }, secretsKey })
    expect(keys.wally.secret).not.toBe(wally.secret)
    expect(keyEnvironment(keys, 'auth').EVEGRAM_SERVICE_KEYS.split(',').map((part) => part.split('=')[0])).toEqual(['auth', 'engine', 'wally', 'blobs'])
    expect(loadKeys(dir)).toEqual(keys)
  })
})

describe('the plan of a cluster', () => {
  it('gives every process ports of its own, engines one for messages, and room for a second set of engines', async () => {
    const ports = await planPorts({ engines: 3, auths: 3, httpPort: 0, wsPort: 0 })
    const all = [ports.http, ports.ws, ...ports.auth.flatMap((own) => Object.values(own)), ...ports.engine.flatMap((own) => Object.values(own))]
    expect(new Set(all).size).toBe(all.length)
    expect(ports.engine.length).toBe(6)
    const context: ClusterContext = { root: '/r', dir: '/d', ports, keys: loadKeys(dir), services: { EVEGRAM_NATS: 'nats://n' }, environment: {} }
    const auths = [authRecipe(context, 0), authRecipe(context, 2)]
    const engines = [engineRecipe(context, 0, 1), engineRecipe(context, 5, 6)]
    expect([...auths, ...engines].map(({ name }) => name)).toEqual(['auth-1', 'auth-3', 'engine-1', 'engine-6'])
    expect(engines.map(({ env }) => env['EVEGRAM_WS_PORT'])).toEqual([String(ports.ws), String(ports.ws)])
    expect(new Set([...auths, ...engines].map(({ env }) => env['EVEGRAM_ADMIN_PORT'])).size).toBe(4)
    expect(engines[0]?.env['EVEGRAM_AUTH_URLS']?.split(',').length).toBe(3)
    expect(auths[0]?.env['EVEGRAM_ENGINE_URLS']?.split(',').length).toBe(6)
    expect(auths[0]?.env).toMatchObject({ EVEGRAM_NATS: 'nats://n', EVEGRAM_PUBLIC_URL: publicUrls(ports).url, EVEGRAM_LOG_LEVEL: 'warn' })
    expect(auths[0]?.env).not.toHaveProperty('EVEGRAM_WALLY_URL')
  })

  it('has auth name the wallet bridge where there is one, under the one address of the cluster', async () => {
    const ports = await planPorts({ engines: 1, auths: 1, wallys: 1, httpPort: 0, wsPort: 0 })
    const context: ClusterContext = { root: '/r', dir: '/d', ports, keys: loadKeys(dir), services: { EVEGRAM_POSTGRES: 'postgres://server/all' }, environment: {} }
    expect(authRecipe(context, 0).env['EVEGRAM_WALLY_URL']).toBe(publicUrls(ports).url)
    const wally = wallyRecipe(context, 0, { EVEGRAM_POSTGRES: 'postgres://server/own' })
    expect(wally).toMatchObject({ name: 'wally-1', main: join('/r', 'wallet-bridge', 'dist', 'main.js'), env: { EVEGRAM_POSTGRES: 'postgres://server/own', EVEGRAM_PUBLIC_URL: publicUrls(ports).url } })
    expect(wally.env).not.toHaveProperty('EVEGRAM_INTERNAL_PORT')
  })

  it('has auth name the service of files where there is one, and gives it the bucket of the services', async () => {
    const ports = await planPorts({ engines: 1, auths: 1, blobs: 2, httpPort: 0, wsPort: 0 })
    const context: ClusterContext = { root: '/r', dir: '/d', ports, keys: loadKeys(dir), services: { EVEGRAM_S3_URL: 'http://s3/bucket' }, environment: {} }
    expect(authRecipe(context, 0).env['EVEGRAM_BLOBS_URL']).toBe(publicUrls(ports).url)
    const blobs = [blobsRecipe(context, 0), blobsRecipe(context, 1)]
    expect(blobs).toMatchObject([{ name: 'blobs-1' }, { name: 'blobs-2', main: join('/r', 'blobs', 'dist', 'main.js'), env: { EVEGRAM_S3_URL: 'http://s3/bucket', EVEGRAM_PUBLIC_URL: publicUrls(ports).url } }])
    expect(new Set(blobs.map(({ env }) => env['EVEGRAM_SERVICE_KEY'])).size).toBe(1)
    expect(blobs[0]?.env).not.toHaveProperty('EVEGRAM_INTERNAL_PORT')
  })

  it('keeps where the books of a chain begin for as long as it is the same chain', () => {
    const file = join(dir, 'chains.json')
    expect(beginningIn(file, 'one')).toBeUndefined()
    writeFileSync(file, JSON.stringify(chainsFile({ genesis: 'one', beginsAt: 7, operatorToken: 'token' })))
    expect([beginningIn(file, 'one'), beginningIn(file, 'another')]).toEqual([7, undefined])
  })
})

describe('a supervised process', () => {
  const READY = 'process.send({ kind: "listening" });'
  const ends: string[] = []
  const supervise = (script: string): Supervised => {
    const main = join(dir, 'main.mjs')
    writeFileSync(main, script)
    ends.length = 0
    const process = new Supervised({
      name: 'thing-1', kind: 'engine', main, env: { WORD: 'spoken' }, cwd: dir, log: join(dir, 'logs', 'thing-1.log'), ports: {}, onEnd: (how) => { ends.push(how) },
    })
    closers.push(() => process.stop())
    process.start()
    return process
  }

  it('is started again after a crash, and not after it was stopped', async () => {
    const process = supervise(`${READY} setInterval(() => {}, 1000)`)
    await process.ready(20_000)
    const first = process.pid
    process.signal('SIGKILL')
    expect(await process.becomes(() => process.pid !== first && process.isReady, 20_000)).toBe(true)
    expect(ends).toEqual(['SIGKILL'])
    await process.stop()
    expect([process.pid, process.isReady, ends.length]).toEqual([undefined, false, 1])
  })

  it('is given up, with its words, when it says that it cannot run', async () => {
    const process = supervise('console.error("EVEGRAM_NATS is wrong: " + process.env.WORD); process.exitCode = 2; process.disconnect()')
    await expect(process.ready(20_000)).rejects.toThrow('thing-1 cannot run: EVEGRAM_NATS is wrong: spoken')
    expect(await process.becomes(() => process.pid !== undefined, 1_500)).toBe(false)
  })

  it('is not waited for without end', async () => {
    const process = supervise('setInterval(() => {}, 1000); console.log("thinking")')
    await expect(process.ready(300)).rejects.toThrow('not ready after 0.3 s')
  })

  it('ends also when it is paused', async () => {
    const process = supervise(`process.on('SIGTERM', () => process.exit(0)); ${READY} setInterval(() => {}, 1000)`)
    await process.ready(20_000)
    process.signal('SIGSTOP')
    const startedAt = performance.now()
    await process.stop()
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })
})

describe('orders', () => {
  const done: string[] = []
  const cluster: OrderedCluster = {
    list: () => [{ name: 'engine-1' }],
    kill: async (name) => { done.push(`kill ${name}`) },
    restart: async (name) => { done.push(`restart ${name}`) },
    pause: async (name, ms) => { done.push(`pause ${name} ${String(ms)}`) },
    roll: async () => { throw new Error('a roll is under way') },
    failover: async (detachedMs) => {
      done.push(`failover ${String(detachedMs)}`)
      return 'redis-2'
    },
    cut: async (name, ms) => { done.push(`cut ${name} ${String(ms)}`) },
    fill: async (name, ms) => { done.push(`fill ${name} ${String(ms)}`) },
    skew: async (name, how) => { done.push(`skew ${name} ${JSON.stringify(how)}`) },
    leader: async () => 'nats-2',
    primary: async () => 'redis-1',
  }

  it('are carried out and answered with the processes that run then', async () => {
    done.length = 0
    expect(await carryOut(cluster, { kind: 'kill', id: 1, name: 'engine-1' })).toEqual({ kind: 'done', id: 1, processes: [{ name: 'engine-1' }] })
    await carryOut(cluster, { kind: 'restart', id: 2, name: 'auth-1' })
    await carryOut(cluster, { kind: 'pause', id: 3, name: 'engine-1', ms: 20_000 })
    await carryOut(cluster, { kind: 'cut', id: 7, name: 'cassandra-3', ms: 5 })
    await carryOut(cluster, { kind: 'fill', id: 8, name: 'cassandra-2', ms: 6 })
    await carryOut(cluster, { kind: 'skew', id: 9, name: 'engine-1', ms: 7, aheadMs: -30_000, restarts: true })
    await carryOut(cluster, { kind: 'failover', id: 10, ms: 5_000 })
    expect(done).toEqual([
      'kill engine-1', 'restart auth-1', 'pause engine-1 20000', 'cut cassandra-3 5', 'fill cassandra-2 6',
      'skew engine-1 {"ms":7,"aheadMs":-30000,"restarts":true}', 'failover 5000',
    ])
    expect(await carryOut(cluster, { kind: 'leader', id: 4 })).toMatchObject({ id: 4, name: 'nats-2' })
    expect(await carryOut(cluster, { kind: 'primary', id: 5 })).toMatchObject({ id: 5, name: 'redis-1' })
    expect(await carryOut(cluster, { kind: 'failover', id: 6 })).toMatchObject({ id: 6, name: 'redis-2' })
  })

  it('that cannot be done are answered with why', async () => {
    expect(await carryOut(cluster, { kind: 'roll', id: 5 })).toEqual({ kind: 'done', id: 5, error: 'a roll is under way' })
    for (const order of [
      { kind: 'kill' }, { kind: 'pause', name: 'a', ms: 0 }, { kind: 'pause', name: 'a' }, { kind: 'cut', name: 'a' }, { kind: 'fill', ms: 5 },
      { kind: 'skew', name: 'a', ms: 5, aheadMs: 1e9 }, { kind: 'dance' },
    ]) {
      expect((await carryOut(cluster, { ...order, id: 6 })).error, JSON.stringify(order)).toBeDefined()
    }
  })
})
