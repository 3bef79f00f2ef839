import { MsgExecuteContract, MsgMultiSend, MsgSend, type Msg } from '@terra-money/terra.js'
import type { TerraEvent } from '../events.js'
import { taxOn } from './burn-tax.js'
import { amountsOf, eventOf, giveCoins, sendCoins, takeCoins, type CoinAmounts } from './coins.js'
import { executeContract, payTax, type ContractScene } from './contracts.js'
import { SDK_CODES, TerraRefusal } from './refusal.js'

/** Gas of a transaction and of its messages: about what today's network takes. */
const GAS_PER_TRANSACTION = 70_000
const GAS_PER_BYTE = 10
const GAS_PER_SEND = 40_000
const GAS_PER_CALL = 120_000

/** What a transaction of `bytes` bytes uses. */
export function gasOf(messages: readonly Msg[], bytes: number): number {
  const sends = messages.reduce((sum, message) => sum + (message instanceof MsgMultiSend ? message.outputs.length : 1), 0)
  return GAS_PER_TRANSACTION + bytes * GAS_PER_BYTE + sends * GAS_PER_SEND + messages.filter((message) => message instanceof MsgExecuteContract).length * GAS_PER_CALL
}

/** Executes one message of an admitted transaction. Throws `TerraRefusal`: then what it wrote must be forgotten. */
export function executeMessage(scene: ContractScene, message: Msg, isReverse: boolean): readonly TerraEvent[] {
  const rate = isReverse ? scene.taxRate : 0n
  if (message instanceof MsgSend) {
    const { from_address: from, to_address: to } = message
    const { events, net } = withoutTax(scene, from, amountsOf(message.amount), rate)
    return [actionOf('/cosmos.bank.v1beta1.MsgSend', from, 'bank'), ...events, ...sendCoins(scene.state, from, to, net)]
  }
  if (message instanceof MsgExecuteContract) {
    const { sender, contract, coins, execute_msg: asked } = message
    const { events, net } = withoutTax(scene, sender, amountsOf(coins), rate)
    const arrived = net.size === 0 ? [] : sendCoins(scene.state, sender, contract, net)
    const called = executeContract(scene, { sender, contract, funds: net, message: asked })
    return [actionOf('/cosmwasm.wasm.v1.MsgExecuteContract', sender, 'wasm'), ...events, ...arrived, ...called]
  }
  if (message instanceof MsgMultiSend) return executeMultiSend(scene, message, rate)
  throw new TerraRefusal(SDK_CODES.unknownRequest, 'unrecognized message: unknown request')
}

/** One input: newer chains take no more. */
function executeMultiSend(scene: ContractScene, { inputs, outputs }: MsgMultiSend, rate: bigint): readonly TerraEvent[] {
  const [input] = inputs
  if (input === undefined || inputs.length > 1) throw new TerraRefusal(SDK_CODES.invalidRequest, 'multiple senders not allowed: invalid request')
  const spent = amountsOf(input.coins)
  const sums = new Map<string, bigint>()
  for (const [denom, amount] of outputs.flatMap(({ coins }) => [...amountsOf(coins)])) sums.set(denom, (sums.get(denom) ?? 0n) + amount)
  if (sums.size !== spent.size || [...sums].some(([denom, amount]) => spent.get(denom) !== amount)) {
    throw new TerraRefusal(SDK_CODES.invalidCoins, 'sum inputs != sum outputs: invalid coins')
  }
  const { events } = withoutTax(scene, input.address, spent, rate)
  const received = outputs.map(({ address, coins }) => ({ address, net: netOf(amountsOf(coins), rate) }))
  const net = new Map<string, bigint>()
  for (const [denom, amount] of received.flatMap((output) => [...output.net])) net.set(denom, (net.get(denom) ?? 0n) + amount)
  return [
    actionOf('/cosmos.bank.v1beta1.MsgMultiSend', input.address, 'bank'), ...events, ...takeCoins(scene.state, input.address, net),
    ...received.flatMap(({ address, net: amounts }) => giveCoins(scene.state, address, amounts)),
  ]
}

function actionOf(action: string, sender: string, module: string): TerraEvent {
  return eventOf('message', ['action', action], ['sender', sender], ['module', module])
}

function netOf(amounts: CoinAmounts, rate: bigint): CoinAmounts {
  const taxes = taxOn(amounts, rate)
  return new Map([...amounts].map(([denom, amount]) => [denom, amount - (taxes.get(denom) ?? 0n)]))
}

function withoutTax({ state, taxRate }: ContractScene, from: string, amounts: CoinAmounts, rate: bigint): { readonly events: readonly TerraEvent[]; readonly net: CoinAmounts } {
  if (taxRate > 0n && rate === 0n && amounts.size > 0) return { events: [eventOf('tax_payment', ['reverse_charge', 'false'])], net: amounts }
  return { events: payTax(state, from, taxOn(amounts, rate)), net: netOf(amounts, rate) }
}
