import { EvegramError, isErrorCode } from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'
import type { PayerFacts } from '@evegram/sdk'
import { visible } from './visible.js'

const TIMEOUT_MS = 20_000
const ANSWER_CHARACTERS_MAX = 65_536
const OPERATION = 'ask chain of play money'
const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/** An object of JSON whose fields are not checked yet. */
export type Fields = Readonly<Record<string, unknown>>

/** The money of a chain that a server for its own machine brings. */
export interface PlayChain {
  readonly chain: string
  readonly asset: string
  readonly symbol: string
  readonly decimals: number
}

/** What an address holds, as a chain says. */
export interface PlayBalance {
  readonly address: string
  readonly amount: bigint
  readonly height: number
}

/** `/v1/play` of a server: its chain of play money, and the local chains that it works on. Every method rejects `unavailable.server`, `invalid.response`, and what the server answers. */
export class PlayApi {
  readonly #base: string

  /** `server`: as `--server` takes it. */
  constructor(server: string) {
    this.#base = server.replace(/^ws/i, 'http').replace(/\/+$/, '')
  }

  /** The chain of play money of the server itself. */
  async own(): Promise<PlayChain> {
    return chainOf({ symbol: 'PLAY', ...await this.ask('GET', '/v1/play') })
  }

  /** A local chain by its name, or by what its money is called. Rejects `invalid.argument` for one that the server does not work on. */
  async local(name: string): Promise<PlayChain> {
    const { chains } = await this.ask('GET', '/v1/play/chains')
    if (!Array.isArray(chains) || chains.length > 16) throw invalid('chains')
    // Array.isArray leaves the elements as any: what they hold is checked by chainOf.
    const known = (chains as readonly Fields[]).map(chainOf)
    const found = known.find(({ chain, asset, symbol }) => [chain, asset, symbol.toLowerCase()].includes(name.toLowerCase()))
    if (found !== undefined) return found
    const there = known.length === 0 ? 'It works on none: npm run services -- up --chains prints the settings that name them.' : `There are: ${known.map(({ symbol }) => visible(symbol)).join(', ')}`
    throw new EvegramError('invalid.argument', { operation: 'find local chain', advice: `The server works on no local chain of ${visible(name)}. ${there}` })
  }

  /** What an address holds at the newest final block of a chain. */
  async balance({ chain }: PlayChain, address: string): Promise<PlayBalance> {
    const found = await this.ask('GET', `${chain === 'simulated' ? '/v1/play' : pathOf(chain)}/addresses/${encodeURIComponent(address)}`)
    const amount = textOf(found, 'amount')
    if (!/^[0-9]{1,38}$/.test(amount)) throw invalid('amount')
    return { address: textOf(found, 'address'), amount: BigInt(amount), height: countOf(found, 'height') }
  }

  /** Asks the faucet of a local chain. */
  async fund({ chain }: PlayChain, to: string, amount: bigint): Promise<void> {
    await this.ask('POST', `${pathOf(chain)}/faucet`, { to, amount: amount.toString() })
  }

  /** What the wallet of `address` must know to sign. */
  async payerFacts(chain: Chain, address: string): Promise<PayerFacts> {
    const facts = await this.ask('GET', `${pathOf(chain)}/payers/${encodeURIComponent(address)}`)
    switch (chain) {
      case 'solana': return { chain, blockhash: textOf(facts, 'blockhash') }
      case 'ton': return { chain, seqno: countOf(facts, 'seqno'), isDeployed: facts['isDeployed'] === true, seconds: countOf(facts, 'seconds') }
      case 'terra': return {
        chain, chainId: textOf(facts, 'chainId'), accountNumber: countOf(facts, 'accountNumber'), sequence: countOf(facts, 'sequence'),
        gasPrice: amountOf(facts, 'gasPrice'), taxRate: amountOf(facts, 'taxRate'),
      }
    }
  }

  /** Hands a signed payment over, and tells what it is known by. */
  async submit({ chain }: PlayChain, payment: Uint8Array): Promise<string> {
    return textOf(await this.ask('POST', `${pathOf(chain)}/payments`, { payment: Buffer.from(payment).toString('base64') }), 'transaction')
  }

  /** Any route, answered with an object. */
  async ask(method: 'GET' | 'POST', path: string, body?: Fields): Promise<Fields> {
    let response: Response
    let text: string
    try {
      response = await fetch(`${this.#base}${path}`, {
        method, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS), ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
      text = await response.text()
    } catch (cause) {
      throw new EvegramError('unavailable.server', { operation: OPERATION, cause })
    }
    const value = parse(text)
    if (response.ok) return value
    const { code, message } = { ...(value['error'] as Fields | undefined) }
    const known = typeof code === 'string' && isErrorCode(code) ? code : 'invalid.response'
    throw new EvegramError(known, { operation: OPERATION, ...(typeof message === 'string' ? { advice: message } : {}) })
  }
}

/** Throws `invalid.argument` for a server that is not one of this machine: what a wallet signs for the play money of another one may be worth something elsewhere. */
export function requireOwnMachine(server: string): void {
  if (LOOPBACK_NAMES.includes(new URL(server).hostname)) return
  throw new EvegramError('invalid.argument', { operation: 'pay play money', advice: 'Wallets pay play money to a server on this machine only (http://localhost:8080, say).' })
}

/** A text of an answer, not empty and at most 256 characters. Throws `invalid.response`. */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string' || value === '' || value.length > 256) throw invalid(name)
  return value
}

function countOf(fields: Fields, name: string): number {
  const value = fields[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw invalid(name)
  return value
}

function amountOf(fields: Fields, name: string): bigint {
  const text = textOf(fields, name)
  if (!/^[0-9]{1,38}$/.test(text)) throw invalid(name)
  return BigInt(text)
}

function chainOf(fields: Fields): PlayChain {
  const decimals = countOf(fields, 'decimals')
  if (decimals > 38) throw invalid('decimals')
  return { chain: textOf(fields, 'chain'), asset: textOf(fields, 'asset'), symbol: textOf(fields, 'symbol'), decimals }
}

function pathOf(chain: string): string {
  return `/v1/play/chains/${encodeURIComponent(chain)}`
}

function parse(text: string): Fields {
  try {
    const value: unknown = text.length > ANSWER_CHARACTERS_MAX ? undefined : JSON.parse(text)
    // Any object can be read by name; what it holds stays unknown until checked.
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  } catch { /* told below */ }
  throw invalid('an object')
}

function invalid(expected: string): EvegramError {
  return new EvegramError('invalid.response', { operation: OPERATION, details: { expected } })
}
