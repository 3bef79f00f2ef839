import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { authInternalRoutes, TestDevice, TestServer, TestWallet, type TestMember } from '@evegram/auth/testing'
import { AUTH_INTERNAL_API, createInternalHttp, ServiceTokens, ServiceVerifier, silentLogger, systemClock, systemRandom, type HttpServer, type RunningService } from '@evegram/platform'
import { s3Keys, serviceAddresses } from '@evegram/platform/testing'
import { hexOf } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readBlobsProcessConfig } from './process-config.js'
import { startBlobsProcess } from './process.js'

const clock = systemClock()
const serviceSeed = new Uint8Array(32).fill(9)
const BYTES_PER_DAY = 20_000_000

let auth: TestServer
let internal: HttpServer
let alice: TestMember
let accessToken: string
let environment: Record<string, string>
const running: RunningService[] = []

beforeAll(async () => {
  auth = await TestServer.start()
  internal = createInternalHttp({
    log: silentLogger, clock, random: systemRandom(), api: AUTH_INTERNAL_API,
    verifier: new ServiceVerifier({ name: 'auth', clock, keys: new Map([['blobs', new ServiceTokens({ name: 'blobs', seed: serviceSeed, clock }).publicKey]]) }),
  })
  authInternalRoutes(internal, { auth: auth.auth, log: silentLogger })
  const { access, secret } = s3Keys()
  environment = {
    EVEGRAM_PUBLIC_URL: auth.origin, EVEGRAM_HTTP_PORT: '0', EVEGRAM_ADMIN_PORT: '0', EVEGRAM_AUTH_URLS: await internal.listen({ host: '127.0.0.1', port: 0 }), EVEGRAM_REDIS: serviceAddresses('redis').join(','),
    EVEGRAM_PREFIX: `blobs${hexOf(randomBytes(4))}`, EVEGRAM_S3_URL: `${serviceAddresses('s3').join(',')}/test-${hexOf(randomBytes(8))}`, EVEGRAM_S3_ACCESS_KEY: access, EVEGRAM_S3_SECRET_KEY: secret,
    EVEGRAM_BLOB_BYTES_PER_DAY: String(BYTES_PER_DAY), EVEGRAM_SERVICE_KEY: Buffer.from(serviceSeed).toString('base64url'), EVEGRAM_LOG_LEVEL: 'silent',
  }
  alice = await auth.signUp(new TestWallet('alice'), new TestDevice('phone'))
  accessToken = (await auth.session(alice)).accessToken
}, 60_000)
afterAll(async () => {
  for (const service of running) await service.stop()
  await internal.close()
  await auth.close()
})

async function start(over: Readonly<Record<string, string | undefined>> = {}): Promise<RunningService> {
  const service = await startBlobsProcess(readBlobsProcessConfig({ ...environment, ...over }), '1')
  running.push(service)
  return service
}

async function call(service: RunningService, method: string, path: string, body?: object | Uint8Array<ArrayBuffer>, offset?: number): Promise<Response> {
  const isBytes = body instanceof Uint8Array
  return fetch(`http://127.0.0.1:${String(service.ports['http'])}${path}`, {
    method,
    headers: {
      authorization: `DPoP ${accessToken}`, dpop: await auth.dpop(method, path, alice.device, accessToken), ...(offset === undefined ? {} : { 'upload-offset': String(offset) }),
      ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
    },
    ...(body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) }),
  })
}

const wanted = (content: Uint8Array, bytes = content.length) => ({ blob: hexOf(randomBytes(16)), bytes, digest: createHash('sha256').update(content).digest('base64url'), retention: 'message' })
const textOf = async (service: RunningService, path: string): Promise<string> => (await fetch(`http://127.0.0.1:${String(service.ports['admin'])}${path}`)).text()

describe('the service of files as processes that share a bucket', () => {
  it('goes on in one with what another began and did not live to finish, and both have it', { timeout: 120_000 }, async () => {
    const [one, other] = [await start(), await start()]
    expect(await textOf(one, '/readyz')).toContain('"ok":true')
    const content = Uint8Array.from(randomBytes(9_000_000))
    const blob = wanted(content)
    expect(await (await call(one, 'POST', '/v1/blobs', blob)).json()).toMatchObject({ offset: 0 })
    expect(await (await call(one, 'PATCH', `/v1/blobs/${blob.blob}`, content.slice(0, 4_000_000), 0)).json()).toMatchObject({ offset: 4_000_000 })
    await one.stop()
    expect(await (await call(other, 'GET', `/v1/blobs/${blob.blob}/progress`)).json()).toMatchObject({ offset: 4_000_000, complete: false })
    expect(await (await call(other, 'PATCH', `/v1/blobs/${blob.blob}`, content.slice(4_000_000), 4_000_000)).json()).toMatchObject({ complete: true })
    const third = await start()
    for (const service of [other, third]) {
      const answer = await call(service, 'GET', `/v1/blobs/${blob.blob}`)
      expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), content)).toBe(0)
    }
    expect(await textOf(other, '/metrics')).toMatch(/blob_received_bytes 5000000/)
    expect((await call(third, 'DELETE', `/v1/blobs/${blob.blob}`)).status).toBe(204)
    expect((await call(other, 'GET', `/v1/blobs/${blob.blob}`)).status).toBe(404)
  })

  it('grants an account one quota, to the byte, however many processes it asks at once', { timeout: 120_000 }, async () => {
    const [, one, other] = running
    const before = 9_000_000
    const asked: Response[] = []
    // Some at a time: a busy machine does not check twenty proofs within the second that auth has for each.
    for (let round = 0; round < 5; round++) {
      asked.push(...await Promise.all([one!, other!, one!, other!].map((service) => call(service, 'POST', '/v1/blobs', wanted(new Uint8Array(1), 1_000_000)))))
    }
    // What came back meanwhile is far less than a megabyte.
    const codes = await Promise.all(asked.map(async (answer) => ((await answer.json()) as { readonly error?: { readonly code: string } }).error?.code))
    expect(codes.filter((code) => code === undefined)).toHaveLength((BYTES_PER_DAY - before) / 1_000_000)
    expect(codes.filter((code) => code === 'limited.blobs')).toHaveLength(9)
  })

  it('does not start on keys that the bucket refuses', async () => {
    await expect(start({ EVEGRAM_S3_SECRET_KEY: 'wrong' })).rejects.toMatchObject({ code: 'invalid.config' })
  })
})

describe('the service of files in a folder', () => {
  it('is one process, and says so to a second', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evegram-blobs-'))
    const own = { EVEGRAM_S3_URL: undefined, EVEGRAM_S3_ACCESS_KEY: undefined, EVEGRAM_S3_SECRET_KEY: undefined, EVEGRAM_BLOBS_DIR: join(folder, 'blobs'), EVEGRAM_BLOB_BYTES_PER_DAY: '2147483648', EVEGRAM_PREFIX: `blobs${hexOf(randomBytes(4))}` }
    const service = await start(own)
    const content = Uint8Array.from(randomBytes(1_000))
    const blob = wanted(content)
    expect((await call(service, 'POST', '/v1/blobs', blob)).status).toBe(200)
    expect(await (await call(service, 'PATCH', `/v1/blobs/${blob.blob}`, content, 0)).json()).toMatchObject({ complete: true })
    await expect(start(own)).rejects.toMatchObject({ code: 'conflict.data_in_use' })
    await service.stop()
    expect(await (await call(await start(own), 'GET', `/v1/blobs/${blob.blob}/progress`)).json()).toMatchObject({ complete: true })
    for (const one of running.splice(0)) await one.stop()
    rmSync(folder, { recursive: true })
  })
})
