import { MsgExecuteContract, MsgMultiSend, MsgSend, type Msg } from '@terra-money/terra.js'
import { TERRA_GAS_PRICES } from '../gas-price.js'
import { ceilShare } from '../share.js'
import { amountsOf, type CoinAmounts } from './coins.js'
import { SDK_CODES, TerraRefusal } from './refusal.js'

/** How many millionths a rate counts. */
export const RATE_UNIT = 1_000_000n

/** The tax on amounts, rounded down; what came over IBC is not taxed. */
export function taxOn(amounts: CoinAmounts, rate: bigint): CoinAmounts {
  const taxes = [...amounts].filter(([denom]) => !denom.startsWith('ibc/')).map(([denom, amount]) => [denom, amount * rate / RATE_UNIT] as const)
  return new Map(taxes.filter(([, tax]) => tax > 0n))
}

/** What the messages of a transaction are taxed with together. */
export function taxOfMessages(messages: readonly Msg[], rate: bigint): CoinAmounts {
  const sum = new Map<string, bigint>()
  for (const amounts of messages.flatMap(taxedAmounts)) {
    for (const [denom, tax] of taxOn(amounts, rate)) sum.set(denom, (sum.get(denom) ?? 0n) + tax)
  }
  return sum
}

function taxedAmounts(message: Msg): readonly CoinAmounts[] {
  if (message instanceof MsgSend) return [amountsOf(message.amount)]
  if (message instanceof MsgMultiSend) return message.inputs.map(({ coins }) => amountsOf(coins))
  return message instanceof MsgExecuteContract ? [amountsOf(message.coins)] : []
}

/**
 * Whether a fee is enough for the gas alone, so that the tax is taken out of what is sent (`reverse`), or for the tax too (`paid`). Throws `TerraRefusal` (13)
 * when it is not even enough for the gas.
 */
export function judgeFee(fee: CoinAmounts, gas: number, taxes: CoinAmounts): 'paid' | 'reverse' {
  const needed = Object.entries(TERRA_GAS_PRICES).map(([denom, price]) => [denom, ceilShare(BigInt(gas), price, RATE_UNIT)] as const)
  const covered = (taxed: CoinAmounts): boolean => needed.some(([denom, amount]) => (fee.get(denom) ?? 0n) >= amount + (taxed.get(denom) ?? 0n))
  if (!covered(new Map())) {
    const text = needed.map(([denom, amount]) => `${String(amount)}${denom}`).join(',')
    throw new TerraRefusal(SDK_CODES.insufficientFee, `insufficient fees; got: "${[...fee].map(([denom, amount]) => `${String(amount)}${denom}`).join(',')}", required: "${text}": insufficient fee`)
  }
  return covered(taxes) && [...taxes].every(([denom, tax]) => (fee.get(denom) ?? 0n) >= tax) ? 'paid' : 'reverse'
}
