import type { Coins } from '@terra-money/terra.js'
import type { TerraEvent } from '../events.js'
import { SDK_CODES, TerraRefusal } from './refusal.js'
import type { TerraState } from './state.js'

/** Amounts by denomination, in the order of its letters. */
export type CoinAmounts = ReadonlyMap<string, bigint>

/** The module account that fees and taxes go to. */
export const FEE_COLLECTOR = 'terra17xpfvakm2amg962yls6f84z3kell8c5lkaeqfa'

/** The amounts that a message names. Throws `TerraRefusal` for a broken number, for nothing and for less. */
export function amountsOf(coins: Coins): CoinAmounts {
  const amounts = new Map<string, bigint>()
  for (const { denom, amount } of coins.toArray()) {
    const text = amount.toFixed()
    if (!/^[1-9]\d*$/.test(text)) throw new TerraRefusal(SDK_CODES.invalidCoins, `${text}${denom}: invalid coins`)
    amounts.set(denom, BigInt(text))
  }
  return new Map([...amounts].sort(([left], [right]) => left < right ? -1 : 1))
}

/** `5uluna,3uusd`, as nodes write amounts in events. */
export function coinsText(amounts: CoinAmounts): string {
  return [...amounts].map(([denom, amount]) => `${String(amount)}${denom}`).join(',')
}

/** One event from keys and values. */
export function eventOf(type: string, ...attributes: readonly (readonly [key: string, value: string])[]): TerraEvent {
  return { type, attributes: attributes.map(([key, value]) => ({ key, value })) }
}

/** Moves coins and gives the events of it. Throws `TerraRefusal` (5) when there is too little. */
export function sendCoins(state: TerraState, from: string, to: string, amounts: CoinAmounts): readonly TerraEvent[] {
  return [...takeCoins(state, from, amounts), ...giveCoins(state, to, amounts), eventOf('transfer', ['recipient', to], ['sender', from], ['amount', coinsText(amounts)]), eventOf('message', ['sender', from])]
}

/** Takes coins away and gives the event of it. Throws `TerraRefusal` (5) when there is too little. */
export function takeCoins(state: TerraState, from: string, amounts: CoinAmounts): readonly TerraEvent[] {
  for (const [denom, amount] of amounts) {
    if (!state.change(from, denom, -amount)) {
      const held = `${String(state.amount(from, denom))}${denom}`
      throw new TerraRefusal(SDK_CODES.insufficientFunds, `spendable balance ${held} is smaller than ${String(amount)}${denom}: insufficient funds`)
    }
  }
  return [eventOf('coin_spent', ['spender', from], ['amount', coinsText(amounts)])]
}

/** Gives coins and the event of it. */
export function giveCoins(state: TerraState, to: string, amounts: CoinAmounts): readonly TerraEvent[] {
  for (const [denom, amount] of amounts) state.change(to, denom, amount)
  return [eventOf('coin_received', ['receiver', to], ['amount', coinsText(amounts)])]
}
