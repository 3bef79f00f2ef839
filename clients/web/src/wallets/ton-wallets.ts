import { EvegramError } from '@evegram/protocol'
import { chainFactsOf, parseAddress, proofText, TON_PROOF_PLACEHOLDER, tonProofPayload, type Network, type WalletProof } from '@evegram/protocol/proof'
import type { ProofRequest, Wallet } from '@evegram/sdk'
import { askWallet } from './declined.js'
import { isRecord, methodOf, type FoundWallet } from './found-wallet.js'

/** Names of the window that are looked at, and wallets that are shown: a page that is flooded with either shows the first. */
const NAMES_MAX = 5_000
const WALLETS_MAX = 16
/** The oldest version of the bridge that has what is used here. */
const PROTOCOL_VERSION = 2
const STATE_INIT_BYTES_MAX = 8_192
const SIGNATURE_BYTES = 64

/**
 * Wallets of TON that are in this browser: extensions, and the browsers inside of wallets. They offer TON Connect as an object of the window (github.com/ton-blockchain/ton-connect,
 * bridge.md, "JS bridge"), so nothing is asked of anybody else: the HTTP bridges of wallets on other devices, and the list of them, would be.
 */
export function tonWallets(): readonly FoundWallet[] {
  const found: FoundWallet[] = []
  for (const name of Object.keys(globalThis).slice(0, NAMES_MAX)) {
    const wallet = found.length < WALLETS_MAX ? tonWalletOf(programAt(name)) : undefined
    if (wallet !== undefined && !found.some((known) => known.name === wallet.name)) found.push(wallet)
  }
  return found
}

function programAt(name: string): unknown {
  try {
    const program: unknown = Reflect.get(globalThis, name)
    return isRecord(program) ? program['tonconnect'] : undefined
  } catch {
    // Some names of a window throw at the mere look.
    return undefined
  }
}

function tonWalletOf(bridge: unknown): FoundWallet | undefined {
  if (!isRecord(bridge) || methodOf(bridge, 'connect') === undefined || !isRecord(bridge['walletInfo'])) return undefined
  const { name } = bridge['walletInfo']
  if (typeof name !== 'string' || name === '' || typeof bridge['protocolVersion'] !== 'number' || bridge['protocolVersion'] < PROTOCOL_VERSION) return undefined
  return { name: name.slice(0, 64), chain: 'ton', connect: (network) => askWallet(async () => signerOf(bridge, await connect(bridge, network), network)) }
}

/** What a wallet says about the account that it shows to this site. */
interface Shown {
  /** As `0:` and the hash in hex, or as people write it. */
  readonly address: string
  readonly stateInit: Uint8Array
}

/** What a wallet signed. */
interface Signed {
  readonly domain: string
  readonly domainBytes: number
  readonly timestamp: number
  readonly signature: Uint8Array
}

/** Asks for the account; with `payload` also for its proof, which the wallet shows as a sign-in. */
async function connect(bridge: unknown, network: Network, payload?: string): Promise<Shown & { readonly proof?: Signed }> {
  const chain = chainFactsOf('ton', network).reference
  const items = [{ name: 'ton_addr', network: chain }, ...(payload === undefined ? [] : [{ name: 'ton_proof', payload }])]
  const answer = await methodOf(bridge, 'connect')?.(PROTOCOL_VERSION, { manifestUrl: `${globalThis.location.origin}/tonconnect-manifest.json`, items })
  const given = itemsOf(answer)
  const shown = given.find((item) => item['name'] === 'ton_addr')
  const { address, network: itsNetwork, walletStateInit } = shown ?? {}
  const stateInit = bytesOf(walletStateInit, STATE_INIT_BYTES_MAX)
  if (typeof address !== 'string' || stateInit === undefined) throw unsupported('connect wallet')
  if (String(itsNetwork) !== chain) throw new EvegramError('proof.network', { operation: 'connect wallet' })
  if (payload === undefined) return { address, stateInit }
  const item = given.find(({ name }) => name === 'ton_proof')
  return { address, stateInit, proof: proofOf(item?.['proof']) }
}

function signerOf(bridge: unknown, { address: printed, stateInit }: Shown, network: Network): Wallet {
  const { walletId, address, chain } = parseAddress(printed, { network })
  const signProof = (request: ProofRequest): Promise<WalletProof> => askWallet(async () => {
    const claims = { ...request, walletId }
    // Which account signs is not known when a wallet is asked for `ton_proof`, so it signs the placeholder; its own address stands beside the payload.
    const hasSignData = request.purpose !== 'add-device' && signsText(bridge)
    const signed = hasSignData
      ? await signText(bridge, chainFactsOf('ton', network).reference, proofText(claims))
      : await signConnection(bridge, network, tonProofPayload(proofText({ ...request, walletId: TON_PROOF_PLACEHOLDER, network })), walletId)
    if (signed.domain !== request.domain) throw new EvegramError('proof.domain', { operation: 'sign with wallet' })
    return { ...claims, form: hasSignData ? 'ton-sign-data' : 'ton-proof', stateInit, tonTimestamp: signed.timestamp, tonDomainBytes: signed.domainBytes, signature: signed.signature }
  })
  return { chain, walletId, address, signProof }
}

/** A proof that comes with another connection. The person may have chosen another account this time: it would prove something else. */
async function signConnection(bridge: unknown, network: Network, payload: string, walletId: string): Promise<Signed> {
  const { address, proof } = await connect(bridge, network, payload)
  if (proof === undefined) throw unsupported('sign with wallet')
  if (parseAddress(address, { network }).walletId !== walletId) throw new EvegramError('proof.address', { operation: 'sign with wallet' })
  return proof
}

/** `signData` of type text: the wallet shows what it signs. */
async function signText(bridge: unknown, chain: string, text: string): Promise<Signed> {
  const answer = await methodOf(bridge, 'send')?.({ method: 'signData', params: [JSON.stringify({ network: chain, type: 'text', text })], id: '1' })
  const result: unknown = isRecord(answer) ? answer['result'] : undefined
  if (!isRecord(result)) throw unsupported('sign with wallet')
  const { domain } = result
  return proofOf({ ...result, domain: { value: domain, lengthBytes: typeof domain === 'string' ? new TextEncoder().encode(domain).length : undefined } })
}

/** Whether the wallet says that it signs texts. */
function signsText(bridge: unknown): boolean {
  const device: unknown = isRecord(bridge) ? bridge['deviceInfo'] : undefined
  const features: unknown = isRecord(device) ? device['features'] : undefined
  return Array.isArray(features) && features.some((feature) => isRecord(feature) && feature['name'] === 'SignData' && Array.isArray(feature['types']) && feature['types'].includes('text'))
}

/** The items of a `connect` event. Rejects as declined what the wallet calls an error. */
function itemsOf(answer: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!isRecord(answer) || answer['event'] !== 'connect' || !isRecord(answer['payload'])) throw new Error('the wallet did not connect')
  const { items } = answer['payload']
  return Array.isArray(items) ? items.filter(isRecord) : []
}

function proofOf(proof: unknown): Signed {
  const { domain, timestamp, signature } = isRecord(proof) ? proof : {}
  const { value, lengthBytes } = isRecord(domain) ? domain : {}
  const seconds = Number(timestamp)
  const bytes = bytesOf(signature, SIGNATURE_BYTES)
  if (typeof value !== 'string' || typeof lengthBytes !== 'number' || !Number.isSafeInteger(lengthBytes) || !Number.isSafeInteger(seconds) || bytes?.length !== SIGNATURE_BYTES) throw unsupported('sign with wallet')
  return { domain: value, domainBytes: lengthBytes, timestamp: seconds, signature: bytes }
}

function bytesOf(base64: unknown, lengthMax: number): Uint8Array | undefined {
  if (typeof base64 !== 'string' || base64.length > Math.ceil(lengthMax / 3) * 4 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0) return undefined
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

function unsupported(operation: string): EvegramError {
  return new EvegramError('proof.wallet_unsupported', { operation })
}
