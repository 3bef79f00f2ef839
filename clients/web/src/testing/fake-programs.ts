import { randomBytes } from 'node:crypto'
import { makeSignDoc, Secp256k1Wallet } from '@cosmjs/amino'
import type { BrowserContext } from 'playwright-core'
import { domainOfManifest, makeTonStandIn, type ConnectRequest } from './ton-stand-in.js'

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

/**
 * Puts a TON wallet into every page of a context, as an extension does: an object of the window with TON Connect's bridge, and a stand-in in this process behind it. `signsData`: whether it has
 * `signData`.
 */
export async function putTonWallet(context: BrowserContext, { signsData, declines = false }: { readonly signsData: boolean; readonly declines?: boolean }): Promise<TonProgram> {
  const calls: string[] = []
  const wallet = makeTonStandIn({ appName: 'Beacon', signsData })
  const connect = async (version: number, request: ConnectRequest, host: string): Promise<object> => {
    const { manifestUrl, items } = request
    calls.push(`connect ${String(version)} ${new URL(manifestUrl).pathname} ${items.map(({ name }) => name).join('+')}`)
    if (declines) return { event: 'connect_error', id: 1, payload: { code: 300, message: 'User declined the connection' } }
    const domain = await domainOfManifest(manifestUrl)
    if (domain !== host) throw new Error(`the manifest is of ${domain}, the page of ${host}`)
    return { event: 'connect', id: 1, payload: { items: wallet.answers(request, domain), device: wallet.deviceInfo } }
  }
  const send = ({ method, params, id }: { readonly method: string; readonly params: readonly string[]; readonly id: string }, domain: string): object => {
    calls.push(method)
    return method === 'signData' ? wallet.signData(params, id, domain) : { error: { code: 400, message: 'Method not supported' }, id }
  }
  const alsoIn = async (other: BrowserContext): Promise<void> => {
    await other.exposeFunction('beaconConnect', connect)
    await other.exposeFunction('beaconSend', send)
    await other.addInitScript(beaconInPage, wallet.deviceInfo)
  }
  await alsoIn(context)
  return { calls, address: wallet.address, alsoIn }
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
