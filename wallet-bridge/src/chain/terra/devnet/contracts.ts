import { createHash } from 'node:crypto'
import { bech32 } from '@scure/base'
import { isJsonObject, type Json, type JsonObject } from '../../json.js'
import { TERRA_PREFIX, terraAddressBytes } from '../address.js'
import type { TerraEvent } from '../events.js'
import { taxOn } from './burn-tax.js'
import { coinsText, eventOf, FEE_COLLECTOR, sendCoins, type CoinAmounts } from './coins.js'
import { TerraRefusal } from './refusal.js'
import type { TerraState } from './state.js'

/** What is built in: this chain has no virtual machine. `forwarder`: gives on what it gets, and writes into its events what it is told to. */
export type Contract =
  | { readonly kind: 'cw20'; readonly address: string; readonly name: string; readonly symbol: string; readonly decimals: number; readonly supply: bigint }
  | { readonly kind: 'forwarder'; readonly address: string }

/** A call of a contract. */
export interface ContractCall {
  readonly sender: string
  readonly contract: string
  readonly message: unknown
  readonly funds: CoinAmounts
}

/** What calls are executed with. */
export interface ContractScene {
  readonly state: TerraState
  readonly contracts: ReadonlyMap<string, Contract>
  readonly taxRate: bigint
}

const AMOUNT = /^(?:0|[1-9]\d{0,38})$/
const WASM = 'wasm'
/** What wasmd says of a contract that refuses (codespace `wasm`). */
const EXECUTE_FAILED = 5
const NO_SUCH_CONTRACT = 22

/** The address of the contract number `index` of a chain. */
export function contractAddress(chainId: string, index: number): string {
  return bech32.encodeFromBytes(TERRA_PREFIX, new Uint8Array(createHash('sha256').update(`${chainId} contract ${String(index)}`).digest()))
}

/** Executes a call whose funds have arrived. Throws `TerraRefusal`. */
export function executeContract(scene: ContractScene, call: ContractCall): readonly TerraEvent[] {
  const contract = scene.contracts.get(call.contract)
  if (contract === undefined) throw new TerraRefusal(NO_SUCH_CONTRACT, `address ${call.contract}: no such contract`, WASM)
  const entry = isJsonObject(call.message) ? Object.entries(call.message) : []
  const [[action, fields] = ['', null]] = entry
  if (entry.length !== 1 || !isJsonObject(fields)) throw failed('Error parsing into type: expected one action')
  const events = contract.kind === 'cw20' ? executeToken(scene, contract.address, call, action, fields) : forward(scene, call, action, fields)
  return [eventOf('execute', ['_contract_address', call.contract]), ...events]
}

/** Answers a question to a contract. Throws `TerraRefusal`. */
export function queryContract(contract: Contract, amountOf: (holder: string) => bigint, message: unknown): Json {
  if (contract.kind === 'cw20' && isJsonObject(message)) {
    const { balance, token_info: information } = message
    if (isJsonObject(balance) && typeof balance['address'] === 'string') return { balance: String(amountOf(balance['address'])) }
    if (information !== undefined) return { name: contract.name, symbol: contract.symbol, decimals: contract.decimals, total_supply: String(contract.supply) }
  }
  throw new TerraRefusal(9, 'Error parsing into type: unknown variant: query wasm contract failed', WASM)
}

function executeToken(scene: ContractScene, token: string, call: ContractCall, action: string, fields: JsonObject): readonly TerraEvent[] {
  const to = fields[action === 'send' ? 'contract' : 'recipient']
  const { amount: text } = fields
  if ((action !== 'transfer' && action !== 'send') || typeof to !== 'string' || typeof text !== 'string' || !AMOUNT.test(text)) {
    throw failed(`Error parsing into type cw20_base::msg::ExecuteMsg: unknown variant \`${action.slice(0, 40)}\``)
  }
  if (terraAddressBytes(to) === undefined) throw failed('Generic error: addr_validate errored: Error decoding bech32')
  const amount = BigInt(text)
  if (!scene.state.change(call.sender, token, -amount)) {
    throw failed(`Overflow: Cannot Sub with ${String(scene.state.amount(call.sender, token))} and ${text}`)
  }
  scene.state.change(to, token, amount)
  const moved = eventOf(WASM, ['_contract_address', token], ['action', action], ['from', call.sender], ['to', to], ['amount', text])
  if (action === 'transfer') return [moved]
  const message = decodeJson(fields['msg'])
  return [moved, ...executeContract(scene, { sender: token, contract: to, funds: new Map(), message: { receive: { sender: call.sender, amount: text, msg: message } } })]
}

/**
 * `receive` (a token arrived by `send`): gives it on to `msg.to`. `forward`: gives the coins of the call on to `to`, from which, as from everything that a
 * contract sends, the tax is taken. `say`: writes the given lines into an event of its own, as any contract may.
 */
function forward({ state, taxRate, ...scene }: ContractScene, { sender, contract, funds }: ContractCall, action: string, fields: JsonObject): readonly TerraEvent[] {
  const called = eventOf(WASM, ['_contract_address', contract], ['action', action])
  if (action === 'receive' && isJsonObject(fields['msg'])) {
    const message = { transfer: { recipient: fields['msg']['to'] ?? null, amount: fields['amount'] ?? null } }
    return [called, ...executeContract({ ...scene, state, taxRate }, { sender: contract, contract: sender, funds: new Map(), message })]
  }
  if (action === 'forward' && typeof fields['to'] === 'string' && terraAddressBytes(fields['to']) !== undefined) {
    const taxes = taxOn(funds, taxRate)
    const net = new Map([...funds].map(([denom, amount]) => [denom, amount - (taxes.get(denom) ?? 0n)]))
    return [called, ...payTax(state, contract, taxes), ...sendCoins(state, contract, fields['to'], net)]
  }
  if (action === 'say' && isJsonObject(fields['lines'])) {
    if (Object.keys(fields['lines']).some((key) => key.startsWith('_'))) throw failed('Attribute key starts with reserved prefix _')
    return [eventOf(WASM, ['_contract_address', contract], ...Object.entries(fields['lines']).map(([key, value]) => [key, typeof value === 'string' ? value : ''] as const))]
  }
  throw failed(`Error parsing into type: unknown variant \`${action.slice(0, 40)}\``)
}

/** Takes the tax from who sends. Throws `TerraRefusal` (5). */
export function payTax(state: TerraState, from: string, taxes: CoinAmounts): readonly TerraEvent[] {
  if (taxes.size === 0) return []
  return [...sendCoins(state, from, FEE_COLLECTOR, taxes), eventOf('tax_payment', ['reverse_charge', 'true'], ['tax_amount', coinsText(taxes)])]
}

function decodeJson(value: Json | undefined): Json {
  if (typeof value !== 'string') return null
  try {
    // JSON gives what JSON can hold.
    return JSON.parse(Buffer.from(value, 'base64').toString('utf8')) as Json
  } catch {
    throw failed('Error parsing into type: invalid JSON in msg')
  }
}

function failed(why: string): TerraRefusal {
  return new TerraRefusal(EXECUTE_FAILED, `${why}: execute wasm contract failed`, WASM)
}
