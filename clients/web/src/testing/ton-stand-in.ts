import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { beginCell, storeStateInit } from '@ton/core'
import { WalletContractV4, WalletContractV5R1 } from '@ton/ton'

/** What a page asks of a wallet over TON Connect. */
export interface ConnectRequest {
  readonly manifestUrl: string
  readonly items: readonly { readonly name: string; readonly payload?: string }[]
}

/** The account of a stand-in for a TON wallet, and what it answers. */
export interface TonStandIn {
  /** As people write it. */
  readonly address: string
  readonly deviceInfo: object
  /** The items of a `connect` event. */
  answers(request: ConnectRequest, domain: string): readonly object[]
  /** The `WalletResponse` to `signData`. */
  signData(params: readonly string[], id: string, domain: string): object
}

/** The domain that a wallet signs for is the one of the application's manifest, which it asks for itself. */
export async function domainOfManifest(manifestUrl: string): Promise<string> {
  const manifest: unknown = await (await fetch(manifestUrl)).json()
  return new URL(typeof manifest === 'object' && manifest !== null && 'url' in manifest ? String(manifest.url) : '').host
}

const CHAIN = '-239'

/**
 * A TON wallet with a key of its own in this process, the contract that @ton/ton makes of it, and signatures as the specification of TON Connect says: nothing of it is shared with the page.
 * `signsData`: whether it has `signData`. `wrongKey`: it signs with another key than the one of its contract.
 */
export function makeTonStandIn({ appName, signsData, wrongKey = false }: { readonly appName: string; readonly signsData: boolean; readonly wrongKey?: boolean }): TonStandIn {
  const { privateKey: own, publicKey } = generateKeyPairSync('ed25519')
  const privateKey = wrongKey ? generateKeyPairSync('ed25519').privateKey : own
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const contract = signsData ? WalletContractV5R1.create({ publicKey: key }) : WalletContractV4.create({ workchain: 0, publicKey: key })
  const stateInit = beginCell().store(storeStateInit(contract.init)).endCell().toBoc().toString('base64')
  const features = ['SendTransaction', ...(signsData ? [{ name: 'SignData', types: ['text', 'binary', 'cell'] }] : [])]
  const workchain = uint32(0, false)
  return {
    address: contract.address.toString({ bounceable: false }),
    deviceInfo: { platform: 'browser', appName, appVersion: '1.0', maxProtocolVersion: 2, features },
    answers: ({ items }, domain) => items.map(({ name, payload = '' }) => {
      if (name === 'ton_addr') return { name, address: contract.address.toRawString(), network: CHAIN, publicKey: key.toString('hex'), walletStateInit: stateInit }
      const timestamp = Math.floor(Date.now() / 1_000)
      const item = sha256('ton-proof-item-v2/', workchain, contract.address.hash, uint32(Buffer.byteLength(domain), true), domain, uint64(timestamp, true), payload)
      const signature = sign(null, sha256(PREFIX, 'ton-connect', item), privateKey).toString('base64')
      return { name, proof: { timestamp, domain: { lengthBytes: Buffer.byteLength(domain), value: domain }, signature, payload } }
    }),
    signData: (params, id, domain) => {
      const asked: unknown = JSON.parse(params[0] ?? '{}')
      const text = typeof asked === 'object' && asked !== null && 'text' in asked ? String(asked.text) : ''
      if (!signsData) return { error: { code: 400, message: 'Method not supported' }, id }
      const timestamp = Math.floor(Date.now() / 1_000)
      const digest = sha256(
        PREFIX, 'ton-connect/sign-data/', workchain, contract.address.hash, uint32(Buffer.byteLength(domain), false), domain, uint64(timestamp, false), 'txt', uint32(Buffer.byteLength(text), false), text,
      )
      return { result: { signature: sign(null, digest, privateKey).toString('base64'), address: contract.address.toRawString(), timestamp, domain, payload: asked }, id }
    },
  }
}

const PREFIX = Buffer.from([0xff, 0xff])

function uint32(value: number, littleEndian: boolean): Buffer {
  const bytes = Buffer.alloc(4)
  if (littleEndian) bytes.writeUInt32LE(value)
  else bytes.writeUInt32BE(value)
  return bytes
}

function uint64(value: number, littleEndian: boolean): Buffer {
  const bytes = Buffer.alloc(8)
  if (littleEndian) bytes.writeBigUInt64LE(BigInt(value))
  else bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function sha256(...parts: readonly (Buffer | string)[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest()
}
