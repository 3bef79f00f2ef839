import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { makeSignDoc, Secp256k1Wallet } from '@cosmjs/amino'
import { beginCell, storeStateInit } from '@ton/core'
import { WalletContractV4, WalletContractV5R1 } from '@ton/ton'
import type { BrowserContext } from 'playwright-core'

/** What a stand-in for a wallet program was asked, in order. */
export interface Asked {
  readonly calls: string[]
}

/** A stand-in for a TON wallet. */
export interface TonProgram extends Asked {
  /** As people write it. */
  readonly address: string
  /** Puts the same wallet into another browser. */
  alsoIn(context: BrowserContext): Promise<void>
}

/** What a page asks of a wallet over TON Connect. */
interface ConnectRequest {
  readonly manifestUrl: string
  readonly items: readonly { readonly name: string; readonly payload?: string }[]
}

const CHAIN = '-239'

/**
 * Puts a TON wallet into every page of a context, as an extension does: an object of the window with TON Connect's bridge. It has a key of its own in this process, the contract that
 * @ton/ton makes of it, and signs as the specification of TON Connect says: nothing of it is shared with the page. `signsData`: whether it has `signData`.
 */
export async function putTonWallet(context: BrowserContext, { signsData, declines = false }: { readonly signsData: boolean; readonly declines?: boolean }): Promise<TonProgram> {
  const calls: string[] = []
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const contract = signsData ? WalletContractV5R1.create({ publicKey: key }) : WalletContractV4.create({ workchain: 0, publicKey: key })
  const stateInit = beginCell().store(storeStateInit(contract.init)).endCell().toBoc().toString('base64')
  const features = ['SendTransaction', ...(signsData ? [{ name: 'SignData', types: ['text', 'binary', 'cell'] }] : [])]
  const device = { platform: 'browser', appName: 'Beacon', appVersion: '1.0', maxProtocolVersion: 2, features }
  const uint32 = (value: number, littleEndian: boolean): Buffer => {
    const bytes = Buffer.alloc(4)
    if (littleEndian) bytes.writeUInt32LE(value)
    else bytes.writeUInt32BE(value)
    return bytes
  }
  const uint64 = (value: number, littleEndian: boolean): Buffer => {
    const bytes = Buffer.alloc(8)
    if (littleEndian) bytes.writeBigUInt64LE(BigInt(value))
    else bytes.writeBigUInt64BE(BigInt(value))
    return bytes
  }
  const sha256 = (...parts: readonly (Buffer | string)[]): Buffer => createHash('sha256').update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest()
  const workchain = uint32(0, false)
  const prefix = Buffer.from([0xff, 0xff])

  const connect = async (version: number, { manifestUrl, items }: ConnectRequest, host: string): Promise<object> => {
    calls.push(`connect ${String(version)} ${new URL(manifestUrl).pathname} ${items.map(({ name }) => name).join('+')}`)
    if (declines) return { event: 'connect_error', id: 1, payload: { code: 300, message: 'User declined the connection' } }
    // The domain that a wallet signs for is the one of the application's manifest, which it asks for itself.
    const manifest: unknown = await (await fetch(manifestUrl)).json()
    const url = typeof manifest === 'object' && manifest !== null && 'url' in manifest ? String(manifest.url) : ''
    const domain = new URL(url).host
    if (domain !== host) throw new Error(`the manifest is of ${domain}, the page of ${host}`)
    const answers = items.map(({ name, payload = '' }) => {
      if (name === 'ton_addr') return { name, address: contract.address.toRawString(), network: CHAIN, publicKey: key.toString('hex'), walletStateInit: stateInit }
      const timestamp = Math.floor(Date.now() / 1_000)
      const item = sha256('ton-proof-item-v2/', workchain, contract.address.hash, uint32(Buffer.byteLength(domain), true), domain, uint64(timestamp, true), payload)
      const signature = sign(null, sha256(prefix, 'ton-connect', item), privateKey).toString('base64')
      return { name, proof: { timestamp, domain: { lengthBytes: Buffer.byteLength(domain), value: domain }, signature, payload } }
    })
    return { event: 'connect', id: 1, payload: { items: answers, device } }
  }
  const send = ({ method, params, id }: { readonly method: string; readonly params: readonly string[]; readonly id: string }, domain: string): object => {
    calls.push(method)
    const asked: unknown = JSON.parse(params[0] ?? '{}')
    const text = typeof asked === 'object' && asked !== null && 'text' in asked ? String(asked.text) : ''
    if (method !== 'signData' || !signsData) return { error: { code: 400, message: 'Method not supported' }, id }
    const timestamp = Math.floor(Date.now() / 1_000)
    const digest = sha256(
      prefix, 'ton-connect/sign-data/', workchain, contract.address.hash, uint32(Buffer.byteLength(domain), false), domain, uint64(timestamp, false), 'txt', uint32(Buffer.byteLength(text), false), text,
    )
    return { result: { signature: sign(null, digest, privateKey).toString('base64'), address: contract.address.toRawString(), timestamp, domain, payload: asked }, id }
  }
  const alsoIn = async (other: BrowserContext): Promise<void> => {
    await other.exposeFunction('beaconConnect', connect)
    await other.exposeFunction('beaconSend', send)
    await other.addInitScript(beaconInPage, device)
  }
  await alsoIn(context)
  return { calls, address: contract.address.toString({ bounceable: false }), alsoIn }
}

/** Runs in the page, before it. Everything that it uses must stand inside of it. */
function beaconInPage(deviceInfo: object): void {
  // What playwright exposes is defined on the window.
  const node = globalThis as unknown as { beaconConnect(...args: unknown[]): Promise<unknown>; beaconSend(...args: unknown[]): Promise<unknown> }
  Object.assign(globalThis, {
    beacon: {
      tonconnect: {
        deviceInfo, protocolVersion: 2, isWalletBrowser: false, walletInfo: { name: 'Beacon', image: 'https://elsewhere.example/beacon.png', about_url: 'https://elsewhere.example' },
        connect: (version: number, request: unknown) => node.beaconConnect(version, request, location.host),
        send: (request: unknown) => node.beaconSend(request, location.host),
        restoreConnection: async () => ({ event: 'connect_error', id: 1, payload: { code: 100, message: 'Unknown app' } }),
        listen: () => () => undefined,
      },
    },
  })
}

/** Puts Keplr (or Station, which has the same calls in a place of its own) into every page of a context: a key in this process, and ADR-036 as @cosmjs/amino signs it. */
export async function putTerraWallet(context: BrowserContext, program: 'keplr' | 'station'): Promise<Asked & { readonly address: string }> {
  const calls: string[] = []
  const signer = await Secp256k1Wallet.fromKey(randomBytes(32), 'terra')
  const [account] = await signer.getAccounts()
  if (account === undefined) throw new Error('a wallet has an account')
  const { address } = account
  await context.exposeFunction('keplrCall', async (name: string, ...args: readonly string[]) => {
    calls.push(`${name} ${args[0] ?? ''}`)
    switch (name) {
      case 'enable': return undefined
      case 'getKey': return { name: 'mine', algo: 'secp256k1', bech32Address: address, isNanoLedger: false }
      case 'signArbitrary': {
        // ADR-036: no chain, no fee, no sequence; the text stands in the only message.
        const document = makeSignDoc([{ type: 'sign/MsgSignData', value: { signer: args[1] ?? '', data: Buffer.from(args[2] ?? '').toString('base64') } }], { amount: [], gas: '0' }, '', '', 0, 0)
        const { signature } = await signer.signAmino(address, document)
        return signature
      }
      default: throw new Error(`no such call: ${name}`)
    }
  })
  await context.addInitScript((place) => {
    // What playwright exposes is defined on the window.
    const node = globalThis as unknown as { keplrCall(...args: unknown[]): Promise<unknown> }
    const keplr = {
      enable: (chain: string) => node.keplrCall('enable', chain), getKey: (chain: string) => node.keplrCall('getKey', chain),
      signArbitrary: (chain: string, by: string, text: string) => node.keplrCall('signArbitrary', chain, by, text),
    }
    Object.assign(globalThis, place === 'keplr' ? { keplr } : { station: { keplr } })
  }, program)
  return { calls, address }
}
