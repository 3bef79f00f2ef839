import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeCbor, hexOf } from '@evegram/protocol'
import { encodeWalletProof, withdrawalBodyHash } from '@evegram/protocol/proof'
import type { AccountState } from '@evegram/protocol'
import type { TokenSource } from '@evegram/sdk/parts'
import { RawEnrolment, type RawDevice } from '../raw/raw-device.js'
import { proofFor, RawHttp, type HttpReply } from '../raw/raw-http.js'
import { tokenSourceOf } from '../raw/raw-tokens.js'
import type { ServerProcess } from '../server-process.js'
import type { KnownValues } from './known-values.js'
import { objectOf } from './operations.js'

const [CHAIN, ASSET] = ['simulated', 'simulated/play']
/** What the faucet gives at once, in the smallest unit, and what stays below the bound for approval. */
const [GIFT, GIFTS] = [1_000_000_000n, 4]
const APPROVED_AMOUNT = '500000001'
const SMALL_AMOUNT = '1000000'
/** The ledger comes up beside the server. */
const READY_MS_MAX = 120_000
/** A deposit is booked a few blocks after it was made, a block a second. */
const BOOKED_MS_MAX = 120_000
const LOOK_MS = 250
/** Bytes of a file that is known. */
const FILE_BYTES = 2_000

/** Somebody with a device and money. */
interface Person {
  readonly device: RawDevice
  readonly state: AccountState
  readonly tokens: TokenSource
}

/** Who and what a server knows when requests are made up: two people, money, transfers, payouts in several states, a file and one that is half there. */
export interface FuzzWorld {
  /** Whose money it is. */
  readonly alice: TokenSource
  /** Whose sessions may be ended and whose devices may be changed without an end of everything. */
  readonly bob: TokenSource
  readonly operatorToken: string
  readonly known: KnownValues
  readonly http: RawHttp
  readonly origin: string
}

/** Signs two people up on `server` and makes everything of which routes can tell. Rejects when the server does not do it. */
export async function fuzzWorld(server: ServerProcess): Promise<FuzzWorld> {
  const enrolment = await RawEnrolment.open(server.addresses.url)
  const { origin } = enrolment.server
  const http = new RawHttp(server.addresses.url)
  const person = async (): Promise<Person> => {
    const { device, state } = await enrolment.enrol(enrolment.newWallet('solana'))
    return { device, state, tokens: tokenSourceOf(device, enrolment.api) }
  }
  const [alice, bob] = [await person(), await person()]
  const ask = async (method: 'GET' | 'POST', path: string, json?: unknown): Promise<Readonly<Record<string, unknown>>> => {
    const token = await alice.tokens.accessToken()
    const headers = { authorization: `DPoP ${token}`, dpop: proofFor(alice.tokens.signer, origin, method, path, token) }
    return bodyOf(await http.ask(path, { method, headers, ...(json === undefined ? {} : { json }) }), `${method} ${path}`)
  }

  await until(READY_MS_MAX, 'the server was not ready', async () => (await fetch(`${server.addresses.admin}/readyz`)).ok)
  const place = await ask('POST', '/v1/wally/deposit-address', { chain: CHAIN })
  for (let gift = 0; gift < GIFTS; gift++) await ask('POST', '/v1/play/faucet', { to: place['address'], memo: place['memo'], amount: String(GIFT) })
  const held = `"held":"${String(GIFT * BigInt(GIFTS))}"`
  await until(BOOKED_MS_MAX, 'what the faucet gave was not booked', async () => JSON.stringify(await ask('GET', '/v1/wally/balances')).includes(held))

  const outside = hexOf(new Uint8Array(32).fill(7))
  const to = String((await ask('GET', `/v1/play/keys/${outside}`))['address'])
  const withdrawal = async (id: string, amount: string): Promise<Readonly<Record<string, unknown>>> => {
    const { device: { account, device, wallet }, state } = alice
    const { domain } = enrolment.server
    const bodyHash = withdrawalBodyHash({ id, chain: CHAIN, asset: ASSET, amount, to })
    const proof = await wallet.signProof({ domain, origin, purpose: 'withdraw', account, device, logSeq: state.seq, logHead: state.head, ...await enrolment.api.challenge('withdraw', device), bodyHash })
    return { id, asset: ASSET, amount, to, proof: Buffer.from(encodeCbor(encodeWalletProof(proof))).toString('base64url') }
  }
  const transfer = (id: string, amount: string): Readonly<Record<string, unknown>> => ({ id, to: bob.device.account, asset: ASSET, amount })
  const [sent, unsent] = [transfer('t-sent', '5'), transfer('t-unsent', '7')]
  await ask('POST', '/v1/wally/transfers', sent)
  const asked = [await withdrawal('w-small', SMALL_AMOUNT), await withdrawal('w-approve', APPROVED_AMOUNT), await withdrawal('w-refuse', APPROVED_AMOUNT)]
  for (const body of asked) await ask('POST', '/v1/wally/payouts', body)
  const unasked = [await withdrawal('w-unasked', SMALL_AMOUNT), await withdrawal('w-large', APPROVED_AMOUNT)]

  const files = await storedFiles(http, origin, bob.tokens)

  const me = alice.device.account
  const mine = asked.map(({ id }) => String(id))
  const payouts = mine.map((id) => `${me}.${id}`)
  const ofPayout = { parameters: { id: payouts } }
  const onChain = { parameters: { chain: [CHAIN] } }
  return {
    alice: alice.tokens, bob: bob.tokens, http, origin, operatorToken: readFileSync(join(server.dataDir, 'operator-token'), 'utf8').trim(),
    known: {
      ...files,
      'GET /v1/wally/statement': { parameters: { asset: [ASSET] } },
      'POST /v1/wally/deposit-address': { fields: { chain: [CHAIN] } },
      'POST /v1/wally/transfers': { fields: { asset: [ASSET], to: [bob.device.account, me] }, bodies: [sent, { ...sent, amount: '6' }, unsent, transfer('t-dear', String(GIFT * 100n))] },
      'GET /v1/wally/transfers/{id}': { parameters: { id: ['t-sent', 't-unsent'] } },
      'POST /v1/wally/payouts/quote': { fields: { asset: [ASSET], to: [to] }, bodies: [{ asset: ASSET, amount: SMALL_AMOUNT, to }, { asset: ASSET, amount: APPROVED_AMOUNT, to, memo: 'rent' }] },
      'POST /v1/wally/payouts': { fields: { asset: [ASSET], to: [to] }, bodies: [...asked, { ...asked[0], amount: '1' }, ...unasked] },
      'GET /v1/wally/payouts/{id}': { parameters: { id: mine } },
      'GET /v1/wally/operator/accounts': { parameters: { after: [`user:${me}:${ASSET}`] } },
      'GET /v1/wally/operator/transfers': { parameters: { id: [`u:${me}:t-sent`] } },
      'GET /v1/wally/operator/payouts': onChain,
      'GET /v1/wally/operator/payouts/{id}': ofPayout,
      'POST /v1/wally/operator/payouts/{id}/approve': { parameters: { id: payouts.slice(0, 2) } },
      'POST /v1/wally/operator/payouts/{id}/refuse': { parameters: { id: payouts.slice(2) } },
      'POST /v1/wally/operator/payouts/{id}/decide': ofPayout,
      'POST /v1/wally/operator/chains/{chain}/pause': onChain,
      'POST /v1/wally/operator/chains/{chain}/resume': onChain,
      'POST /v1/wally/operator/chains/{chain}/reconcile': onChain,
      'GET /v1/play/addresses/{address}': { parameters: { address: [to] } },
      'POST /v1/play/faucet': { fields: { to: [to] }, bodies: [{ to, amount: '5' }] },
      'GET /v1/accounts/by-wallet/{wallet}': { parameters: { wallet: [alice.device.wallet.walletId] } },
      'GET /v1/accounts/{account}/log': { parameters: { account: [me] } },
      'POST /v1/accounts/{account}/log': { parameters: { account: [bob.device.account] } },
      'POST /v1/prekeys/{account}/{device}': { parameters: { account: [me], device: [alice.device.device] } },
    },
  }
}

/** A file of somebody and an upload that goes on behind its half; what routes of files may be asked about. */
async function storedFiles(http: RawHttp, origin: string, person: TokenSource): Promise<KnownValues> {
  const content = Buffer.alloc(FILE_BYTES, 7)
  const digest = createHash('sha256').update(content).digest('base64url')
  const ask = async (method: 'POST' | 'PATCH', path: string, more: { readonly json?: unknown; readonly body?: Buffer; readonly headers?: Readonly<Record<string, string>> }): Promise<void> => {
    const token = await person.accessToken()
    const { headers = {}, ...content } = more
    bodyOf(await http.ask(path, { method, headers: { authorization: `DPoP ${token}`, dpop: proofFor(person.signer, origin, method, path, token), ...headers }, ...content }), `${method} ${path}`)
  }
  const [whole, half] = ['1', '2'].map((digit) => ({ blob: digit.repeat(32), bytes: FILE_BYTES, digest, retention: 'backup' }))
  for (const [file, bytes] of [[whole, FILE_BYTES], [half, FILE_BYTES / 2]] as const) {
    if (file === undefined) continue
    await ask('POST', '/v1/blobs', { json: file })
    await ask('PATCH', `/v1/blobs/${file.blob}`, { body: content.subarray(0, bytes), headers: { 'content-type': 'application/octet-stream', 'upload-offset': '0' } })
  }
  const names = { parameters: { blob: [whole?.blob, half?.blob] } }
  return {
    'POST /v1/blobs': { bodies: [whole, half, { ...half, bytes: 1 }] },
    'GET /v1/blobs/{blob}': names, 'GET /v1/blobs/{blob}/progress': names, 'DELETE /v1/blobs/{blob}': names,
    'PATCH /v1/blobs/{blob}': { parameters: { 'blob': [whole?.blob, half?.blob], 'upload-offset': ['0', String(FILE_BYTES / 2), String(FILE_BYTES)] } },
  }
}

async function until(msMax: number, what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + msMax
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`${what} in time`)
    await sleep(LOOK_MS)
  }
}

function bodyOf({ status, text }: HttpReply, what: string): Readonly<Record<string, unknown>> {
  if (status >= 300) throw new Error(`${what}: ${String(status)} ${text}`)
  return objectOf(JSON.parse(text))
}
