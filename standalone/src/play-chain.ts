import { amountOf, FAUCET_AMOUNT_MAX, PLAY_DECIMALS, simulatedSigner, ZERO, type PlayNetwork, type WallyChainOptions } from '@evegram/wallet-bridge'

/** The fee of the chain, several times. */
const FEE_RESERVE = amountOf(20_000n)
/** One payout, and one account in a day. */
const [PAYOUT_MAX, ACCOUNT_DAY_MAX] = [amountOf(FAUCET_AMOUNT_MAX), amountOf(10n * FAUCET_AMOUNT_MAX)]

/** The chain of play money as the wallet bridge works on it. `seed`: 32 bytes, the key of the hot wallet. */
export function playChain(network: PlayNetwork, seed: Uint8Array): WallyChainOptions {
  const asset = network.rules.nativeAsset
  return {
    sources: network.sources,
    signer: simulatedSigner(seed),
    assets: [{ id: asset, symbol: 'PLAY', decimals: PLAY_DECIMALS, depositMin: amountOf(1n), foundingDayMax: ZERO }],
    policy: {
      // The hot wallet holds what people paid in and nothing else: there is no bound below which somebody would have to fill it up.
      assets: new Map([[asset, { payoutMin: amountOf(1n), payoutMax: PAYOUT_MAX, accountDayMax: ACCOUNT_DAY_MAX, approvalAbove: amountOf(FAUCET_AMOUNT_MAX / 2n), topUpBelow: ZERO }]]),
      denied: new Set(),
      holdMs: 0,
      feeReserve: { fixed: FEE_RESERVE, ppm: 0 },
      feeFrom: 'account',
    },
  }
}
