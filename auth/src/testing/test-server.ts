import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  draftEntry, emptyAccountState, EvegramError, isErrorCode, sealEntry, sessionRequestBytes, signedPrekeyBytes, verifyLog, accountIdOf,
  type AccountId, type AccountState, type DeviceId, type LogBodies, type LogKind, type LogProof,
} from '@evegram/protocol'
import type { WalletProof } from '@evegram/protocol/proof'
import {
  createHttp, createMetrics, createNodePrimitives, registerOpenApi, silentLogger, systemClock, systemRandom, type HttpServer, type Metrics,
} from '@evegram/platform'
import type { Clock, Timer } from '@evegram/protocol'
import { SignJWT } from 'jose'
import { z } from 'zod'
import { fileSecretStore, lmdbAuthStores, temporaryEnvironment, type TemporaryEnvironment } from '../adapters/index.js'
import { createAuth, type Auth, type AuthOptions } from '../auth.js'
import type { ChallengePurpose, IssuedChallenge } from '../challenge.js'
import { hashOfToken } from '../dpop.js'
import { base64urlOf } from '../key-thumbprint.js'
import type { TestDevice, TestMember, TestWallet } from './actors.js'

/** The system's clock with a wall time that tests may set. */
export class ShiftedClock implements Clock {
  readonly #clock = systemClock()
  shiftMs = 0
  now = (): number => this.#clock.now() + this.shiftMs
  monotonicMs = (): number => this.#clock.monotonicMs() + this.shiftMs
  after = (delayMs: number, task: () => void): Timer => this.#clock.after(delayMs, task)
  every = (intervalMs: number, task: () => void): Timer => this.#clock.every(intervalMs, task)
}

/** Answer of the server, parsed. */
export interface TestAnswer {
  readonly status: number
  readonly body: unknown
  /** Code of a refusal, undefined for a success. */
  readonly code: string | undefined
  readonly headers: Headers
}

const errorBody = z.object({ error: z.object({ code: z.string() }) })
const challengeBody = z.object({ nonce: z.string(), issuedAtMs: z.number(), expirationTimeMs: z.number() })
const tokensBody = z.object(
  { accessToken: z.string(), accessTokenExpiresAtMs: z.number(), refreshToken: z.string(), refreshTokenExpiresAtMs: z.number() }
)
const logBody = z.object({ seq: z.number(), head: z.string(), entries: z.array(z.string()), more: z.boolean() })

/** Tokens of a session. */
export type TestTokens = z.output<typeof tokensBody>

/** Options of a request. */
export interface TestRequest {
  readonly body?: unknown
  /** Sends a DPoP proof of this device. */
  readonly dpop?: TestDevice
  readonly accessToken?: string
  /** Claims or header that replace the honest ones of the proof. */
  readonly forge?: { readonly claims?: Readonly<Record<string, unknown>>; readonly proof?: string }
}

/** Auth on a free port with LMDB in a temporary folder, and a client that knows its API. */
export class TestServer {
  readonly clock = new ShiftedClock()
  readonly domain = 'chat.example'
  readonly origin = 'https://chat.example'
  readonly metrics: Metrics = createMetrics()
  readonly #rateFactor: number
  readonly #shared: AuthOptions['shared']
  #store: TemporaryEnvironment
  #running: { readonly auth: Auth; readonly http: HttpServer; readonly base: string } | undefined

  private constructor(store: TemporaryEnvironment, rateFactor: number, shared: AuthOptions['shared']) {
    this.#store = store
    this.#rateFactor = rateFactor
    this.#shared = shared
  }

  /** A server that listens. `shared`: what it has in common with other processes. */
  static async start(rateFactor = 1, shared: AuthOptions['shared'] = undefined): Promise<TestServer> {
    const server = new TestServer(await temporaryEnvironment(), rateFactor, shared)
    server.#running = await server.#listen()
    return server
  }

  /** The auth of this server. */
  get auth(): Auth {
    return this.#parts.auth
  }

  get #parts(): { readonly auth: Auth; readonly http: HttpServer; readonly base: string } {
    if (this.#running === undefined) throw new Error('the test server is down')
    return this.#running
  }

  async #listen(): Promise<{ readonly auth: Auth; readonly http: HttpServer; readonly base: string }> {
    const [random, log, rateFactor] = [systemRandom(), silentLogger, this.#rateFactor]
    const auth = await createAuth({
      config: { domain: this.domain, origin: this.origin, network: 'mainnet', rateFactor },
      stores: { ...lmdbAuthStores(this.#store.environment), secrets: fileSecretStore(join(this.#store.folder, 'secrets')) },
      clock: this.clock, random, log, metrics: this.metrics, primitives: createNodePrimitives(), push: { contact: 'mailto:operator@chat.example' },
      ...(this.#shared === undefined ? {} : { shared: this.#shared }),
    })
    const http = createHttp({ log, clock: this.clock, random, publicUrl: this.origin, metrics: this.metrics })
    await registerOpenApi(http, { title: 'Auth', version: '1', description: 'Test' })
    await auth.routes(http)
    await auth.start()
    return { auth, http, base: await http.listen({ port: 0, host: '127.0.0.1' }) }
  }

  /** Folder of the stores and secrets. */
  get folder(): string {
    return this.#store.folder
  }

  /** Everything down and up again on the same data. */
  async restart(): Promise<void> {
    await this.#down()
    this.#store = await this.#store.reopen()
    this.#running = await this.#listen()
  }

  async close(): Promise<void> {
    await this.#down()
    await this.#store.remove()
  }

  async #down(): Promise<void> {
    await this.#parts.http.close()
    await this.#parts.auth.stop()
    this.#running = undefined
  }

  async request(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options: TestRequest = {}): Promise<TestAnswer> {
    const headers: Record<string, string> = {}
    if (options.body !== undefined) headers['content-type'] = 'application/json'
    if (options.accessToken !== undefined) headers['authorization'] = `DPoP ${options.accessToken}`
    if (options.dpop !== undefined) {
      headers['dpop'] = options.forge?.proof ?? await this.dpop(method, path, options.dpop, options.accessToken, options.forge?.claims)
    }
    const response = await fetch(
      `${this.#parts.base}${path}`, { method, headers, ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }) },
    )
    const text = await response.text()
    const body: unknown = (response.headers.get('content-type') ?? '').includes('json') ? JSON.parse(text) : text
    const failure = errorBody.safeParse(body)
    return { status: response.status, body, code: failure.success ? failure.data.error.code : undefined, headers: response.headers }
  }

  /** An honest DPoP proof, but for the claims that are replaced. */
  async dpop(
    method: string, path: string, device: TestDevice, accessToken?: string, claims: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: base64urlOf(device.signingKey) }
    return new SignJWT({
      jti: randomBytes(12).toString('hex'), htm: method, htu: `${this.origin}${path.split('?')[0] ?? ''}`, iat: Math.floor(
        this.clock.now() / 1_000
      ),
      ...(accessToken === undefined ? {} : { ath: hashOfToken(accessToken) }), ...claims,
    }).setProtectedHeader({ alg: 'EdDSA', typ: 'dpop+jwt', jwk }).sign(device.signingPrivateKey)
  }

  async challenge(purpose: ChallengePurpose, device: DeviceId): Promise<IssuedChallenge> {
    return challengeBody.parse((await this.expectOk(this.request('POST', '/v1/auth/challenge', { body: { purpose, device } }))).body)
  }

  /** The answer, or its refusal as an error. */
  async expectOk(answer: Promise<TestAnswer>): Promise<TestAnswer> {
    const got = await answer
    if (got.status >= 400) {
      throw new EvegramError(
        got.code !== undefined && isErrorCode(got.code) ? got.code : 'internal', { operation: `answered ${String(got.status)}` },
      )
    }
    return got
  }

  /** The state of an account, from its log, verified as a peer does. */
  async state(account: AccountId): Promise<AccountState> {
    const entries: Uint8Array[] = []
    for (let more = true; more;) {
      const answer = await this.request('GET', `/v1/accounts/${account}/log?after=${String(entries.length)}`)
      if (answer.code === 'account.not_found') return emptyAccountState(account)
      const page = logBody.parse(answer.body)
      entries.push(...page.entries.map((text) => Uint8Array.from(Buffer.from(text, 'base64url'))))
      more = page.more
    }
    const result = verifyLog(entries, {
      primitives: createNodePrimitives(), domain: this.domain, origin: this.origin, network: 'mainnet', nowMs: this.clock.now(),
      mode: 'peer',
    })
    if (result.status === 'refused') throw new EvegramError(result.code)
    return result.state
  }

  /** A proof of `wallet` over `state` with a fresh nonce. */
  async prove(
    wallet: TestWallet, request: Pick<WalletProof, 'purpose' | 'device' | 'otherWallet' | 'bodyHash'>, state: AccountState,
  ): Promise<LogProof> {
    const { purpose, device, otherWallet, bodyHash } = request
    const challenge = await this.challenge(purpose, device)
    const proof = wallet.prove({
      purpose, device, state, challenge, domain: this.domain, origin: this.origin,
      ...(otherWallet === undefined ? {} : { otherWallet }), ...(bodyHash === undefined ? {} : { bodyHash }),
    })
    return { type: 'wallet', proof }
  }

  /** A sealed entry that adds `device` by a proof of `wallet`. */
  async deviceEntry(wallet: TestWallet, device: TestDevice, state: AccountState): Promise<Uint8Array> {
    const { identityKey, signingKey, registrationId } = device
    const draft = draftEntry(state, 'device.add', { identityKey, signingKey, registrationId }, this.clock.now())
    return sealEntry(
      draft, [await this.prove(wallet, { purpose: 'add-device', device: device.device }, state), ...device.keyProofs(draft)],
    ).bytes
  }

  /** A sealed entry of another kind. */
  entry<Kind extends LogKind>(state: AccountState, kind: Kind, body: LogBodies[Kind], proofs: readonly LogProof[]): Uint8Array {
    return sealEntry(draftEntry(state, kind, body, this.clock.now()), proofs).bytes
  }

  append(account: AccountId, entry: Uint8Array): Promise<TestAnswer> {
    return this.request('POST', `/v1/accounts/${account}/log`, { body: { entry: base64urlOf(entry) } })
  }

  /** Founds the account of `wallet` with `device`, or adds the device to it. */
  async signUp(wallet: TestWallet, device: TestDevice, account: AccountId = accountIdOf(wallet.walletId)): Promise<TestMember> {
    const entry = await this.deviceEntry(wallet, device, await this.state(account))
    await this.expectOk(this.append(account, entry))
    return { account, device }
  }

  async openSession(member: TestMember, forge?: TestRequest['forge']): Promise<TestAnswer> {
    const { account, device } = member
    const { nonce } = await this.challenge('session', device.device)
    const signature = base64urlOf(device.sign(sessionRequestBytes({ domain: this.domain, nonce, account, device: device.device })))
    const body = { account, device: device.device, nonce, signature }
    return this.request('POST', '/v1/auth/session', { body, dpop: device, ...(forge === undefined ? {} : { forge }) })
  }

  async session(member: TestMember): Promise<TestTokens> {
    return tokensBody.parse((await this.expectOk(this.openSession(member))).body)
  }

  refresh(member: TestMember, refreshToken: string): Promise<TestAnswer> {
    return this.request('POST', '/v1/auth/refresh', { body: { refreshToken }, dpop: member.device })
  }

  /** The body of `PUT /v1/prekeys` with one-time ids `from` to `to`. */
  prekeys(device: TestDevice, from: number, to: number, signedId = 1): Record<string, unknown> {
    const publicKey = device.somePublicKey(1_000_000 + signedId)
    const createdAtMs = this.clock.now()
    return {
      registrationId: device.registrationId,
      signedPreKey: {
        id: signedId, publicKey: base64urlOf(publicKey), signature: base64urlOf(device.signAsIdentity(publicKey)), createdAtMs,
        deviceSignature: base64urlOf(device.sign(signedPrekeyBytes({ device: device.device, id: signedId, createdAtMs, publicKey }))),
      },
      oneTimePreKeys: Array.from(
        { length: to - from + 1 }, (_, index) => ({ id: from + index, publicKey: base64urlOf(device.somePublicKey(from + index)) }),
      ),
    }
  }
}

/** Reads tokens out of an answer. */
export function tokensOf(answer: TestAnswer): TestTokens {
  return tokensBody.parse(answer.body)
}
