import type { WalletAsset } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { MoneyText } from './money-text.js'

const asset = (id: string, symbol: string, decimals: number): WalletAsset => ({ asset: id, chain: id.slice(0, id.indexOf('/')), symbol, decimals, native: true, depositMin: 1n })
const sol = asset('solana/sol', 'SOL', 9)
const money = new MoneyText([sol, asset('solana/real', 'USDC', 6), asset('solana/fake', 'usdc', 2), asset('ton/ton', 'TON\u202e', 9)])
const refused: unknown = expect.objectContaining({ code: 'invalid.argument' })

describe('assets and amounts as people write them', () => {
  it('names an asset by its id, or by its symbol where no other one has it: anybody can call a token as another one is called', () => {
    expect([money.asset('sol').asset, money.asset('solana/sol').asset, money.asset('solana/fake').decimals]).toEqual(['solana/sol', 'solana/sol', 2])
    for (const name of ['USDC', 'gold', '']) expect(() => money.asset(name)).toThrow(refused)
  })

  it('reads and shows amounts without rounding, and no control character of a symbol', () => {
    expect(money.parse('0.000000001', sol)).toBe(1n)
    for (const text of ['0', '-1', '1e3', '0.0000000001', '1,5']) expect(() => money.parse(text, sol)).toThrow(refused)
    expect([money.show(1_500_000_000n, 'solana/sol'), money.show(1n, 'ton/ton')]).toEqual(['1.5 SOL', '0.000000001 TON\\u202e'])
    expect(money.object(2n ** 64n, 'solana/sol')).toEqual({ asset: 'solana/sol', amount: '18446744073709551616', decimal: '18446744073.709551616', symbol: 'SOL' })
  })

  it('says the smallest unit of an asset whose places it does not know, instead of guessing them', () => {
    expect(money.show(5n, 'terra/uluna')).toBe('5 of the smallest unit of terra/uluna')
    expect(money.object(5n, 'terra/uluna')).toEqual({ asset: 'terra/uluna', amount: '5' })
  })
})
