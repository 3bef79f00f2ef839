/** What a unit of gas costs on today's network at least, in millionths of the denomination: 28.325 uluna or 0.75 uusd. */
export const TERRA_GAS_PRICES: Readonly<Record<'uluna' | 'uusd', bigint>> = { uluna: 28_325_000n, uusd: 750_000n }
