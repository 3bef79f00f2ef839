import { EvegramError } from '@evegram/protocol'
import { chainFactsOf, parseAddress, proofText, TON_PROOF_PLACEHOLDER, tonProofPayload, type Network, type WalletProof } from '@evegram/protocol/proof'
import type { ProofRequest, Wallet } from '@evegram/sdk'
import { askWallet } from './declined.js'
import { isRecord } from './found-wallet.js'

const STATE_INIT_BYTES_MAX = 8_192
const SIGNATURE_BYTES = 64

/** A program that speaks TON Connect, however it is reached. What it answers may be anything: {@link connectTon} looks at it. */
export interface TonProgram {
  /** Whether another connection costs the person a way to another device. Such a wallet signs a text for a new device, too, where it can: it shows all of it, and needs no second connection. */
  readonly isRemote: boolean
  /** Asks for a connection with these items of a `ConnectRequest`; the answer is a `ConnectEvent`. */
  connect(items: readonly object[]): Promise<unknown>
  /** Hands over an `AppRequest`; the answer is a `WalletResponse`. */
  send(method: string, params: readonly string[]): Promise<unknown>
  /** `DeviceInfo` of the wallet that is connected. */
  deviceInfo(): unknown
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

/**
 * Asks for the account, and resolves with a wallet that signs for it: `ton_proof` comes with another connection, as which account log it must name is known only then. Rejects
 * `proof.network` and `proof.wallet_unsupported`, and with what `program` rejects with.
 */
export async function connectTon(program: TonProgram, network: Network): Promise<Wallet> {
  const { address: printed, stateInit } = await connect(program, network)
  const { walletId, address, chain } = parseAddress(printed, { network })
  const signProof = (request: ProofRequest): Promise<WalletProof> => askWallet(async () => {
    const claims = { ...request, walletId }
    // Which account signs is not known when a wallet is asked for `ton_proof`, so it signs the placeholder; its own address stands beside the payload.
    const hasSignData = (program.isRemote || request.purpose !== 'add-device') && signsText(program.deviceInfo())
    const signed = hasSignData
      ? await signText(program, { network: chainFactsOf('ton', network).reference, from: address, text: proofText(claims) })
      : await signConnection(program, network, tonProofPayload(proofText({ ...request, walletId: TON_PROOF_PLACEHOLDER, network })), walletId)
    if (signed.domain !== request.domain) throw new EvegramError('proof.domain', { operation: 'sign with wallet' })
    return { ...claims, form: hasSignData ? 'ton-sign-data' : 'ton-proof', stateInit, tonTimestamp: signed.timestamp, tonDomainBytes: signed.domainBytes, signature: signed.signature }
  })
  return { chain, walletId, address, signProof }
}

/** Asks for the account; with `payload` also for its proof, which the wallet shows as a sign-in. */
async function connect(program: TonProgram, network: Network, payload?: string): Promise<Shown & { readonly proof?: Signed }> {
  const chain = chainFactsOf('ton', network).reference
  const given = itemsOf(await program.connect([{ name: 'ton_addr', network: chain }, ...(payload === undefined ? [] : [{ name: 'ton_proof', payload }])]))
  const shown = given.find((item) => item['name'] === 'ton_addr')
  const { address, network: itsNetwork, walletStateInit } = shown ?? {}
  const stateInit = bytesOf(walletStateInit, STATE_INIT_BYTES_MAX)
  if (typeof address !== 'string' || stateInit === undefined) throw unsupported('connect wallet')
  if (String(itsNetwork) !== chain) throw new EvegramError('proof.network', { operation: 'connect wallet' })
  if (payload === undefined) return { address, stateInit }
  const item = given.find(({ name }) => name === 'ton_proof')
  return { address, stateInit, proof: proofOf(item?.['proof']) }
}

/** A proof that comes with another connection. The person may have chosen another account this time: it would prove something else. */
async function signConnection(program: TonProgram, network: Network, payload: string, walletId: string): Promise<Signed> {
  const { address, proof } = await connect(program, network, payload)
  if (proof === undefined) throw unsupported('sign with wallet')
  if (parseAddress(address, { network }).walletId !== walletId) throw new EvegramError('proof.address', { operation: 'sign with wallet' })
  return proof
}

/** `signData` of type text: the wallet shows what it signs. */
async function signText(program: TonProgram, { network, from, text }: { readonly network: string; readonly from: string; readonly text: string }): Promise<Signed> {
  const answer = await program.send('signData', [JSON.stringify({ network, type: 'text', from, text })])
  const result: unknown = isRecord(answer) ? answer['result'] : undefined
  if (!isRecord(result)) throw unsupported('sign with wallet')
  const { domain } = result
  return proofOf({ ...result, domain: { value: domain, lengthBytes: typeof domain === 'string' ? new TextEncoder().encode(domain).length : undefined } })
}

/** Whether the wallet says that it signs texts. */
function signsText(device: unknown): boolean {
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
