import { MsgMultiSend } from '@terra-money/terra.js'
import { countingRandom } from '../../../chain/counting-random.js'
import { GAS_FEE, TerraWorld, type SendOptions } from '../../../chain/terra/devnet/terra-world.js'
import { LUNA, parseTerraAddress, TerraChainAdapter, terraToken } from '../../../chain/terra/index.js'
import type { AssetId } from '../../../ledger/ids.js'
import { localCorpus, payAs, type LocalCase, type LocalScene } from '../local-corpus.js'

/** The chain, with a second token of which there is as much as 64 bits hold. */
interface TerraStage {
  readonly terra: TerraWorld
  readonly big: string
}

type Scene = LocalScene<TerraStage>
type Case = LocalCase<TerraStage>

const M = 1_000_000n
const TAX_RATE = 5_000n
const UINT64_MAX = 2n ** 64n - 1n
/** Gas for contracts. */
const WIDE = { gas: 1_200_000 }
/** Nothing beside the gas: the tax is taken from what arrives. */
const NO_TAX = { fee: { uluna: String(GAS_FEE) } }
const UUSD = 'terra/uusd' as AssetId

/** A stranger pays one LUNC. */
const pays = (name: string, options: SendOptions, booked: readonly string[], amount = M): Case =>
  ({ name, happens: ({ world: { terra }, alice }) => terra.send([terra.pay(alice.address, { uluna: String(amount) })], options), booked })
/** A stranger pays one LUNC to the shared address with a memo. */
const memos = (name: string, memo: (code: string) => string, booked: readonly string[], options: SendOptions = {}): Case =>
  ({ name, happens: ({ world: { terra }, shared, codes }) => terra.send([terra.pay(shared.address, { uluna: '1000000' })], { ...options, memo: memo(codes.bob) }), booked })

/** A payment that its first block refuses, and a later one takes. */
async function refusedAndTaken({ world: { terra }, alice }: Scene): Promise<void> {
  const payer = terra.account()
  const paying = (sequence: number, amount: bigint, to: string): ReturnType<TerraWorld['signed']> =>
    terra.signed([terra.pay(to, { uluna: String(amount) }, payer)], { from: payer, sequence, fee: { uluna: String(GAS_FEE + M) } })
  await terra.chain.give(payer.address, 'uluna', 100n * M)
  terra.blocks()
  const [drain, late] = [await paying(0, 87n * M, terra.account().address), await paying(1, 2n * M, alice.address)]
  for (const tx of [drain, late]) await terra.lcd.tx.broadcastSync(tx)
  terra.blocks()
  await terra.chain.give(payer.address, 'uluna', 50n * M)
  terra.blocks()
  await terra.lcd.tx.broadcastSync(late)
}

const CASES: readonly Case[] = [
  pays('a payment to an own address', {}, ['alice:uluna 1000000']),
  memos('a payment to the shared address by memo', (code) => code, ['bob:uluna 1000000']),
  pays('a reverse-charged tax, taken from the recipient', NO_TAX, ['alice:uluna 995000']),
  pays('a tax that one millionth too little was paid for', { fee: { uluna: String(GAS_FEE + 4_999n) } }, ['alice:uluna 995000']),
  pays('a tax that was paid beside', { fee: { uluna: String(GAS_FEE + 5_000n) } }, ['alice:uluna 1000000']),
  memos('a reverse-charged tax at the shared address', (code) => code, ['bob:uluna 995000'], NO_TAX),
  pays('a tax that makes dust', NO_TAX, ['dust:uluna 995'], 1_000n),
  {
    name: 'a tax of everything', booked: [],
    happens: async ({ world: { terra }, alice }) => {
      terra.chain.setTaxRate(M)
      await terra.send([terra.pay(alice.address, { uluna: '1000000' })], NO_TAX)
      terra.blocks()
      terra.chain.setTaxRate(TAX_RATE)
    },
  },
  {
    name: 'a failed transaction that had paid before it failed', booked: [],
    happens: ({ world: { terra }, shared, codes }) => terra.send([terra.pay(shared.address, { uluna: '1000000' }), terra.pay(shared.address, { uluna: String(10n ** 18n) })], { memo: codes.alice }),
  },
  pays('a failed transaction that ran out of gas', { gas: 100_000 }, []),
  {
    name: 'several receivers in one flattened event', booked: ['alice:uluna 3000000', 'bob:uluna 2000000'],
    happens: ({ world: { terra }, alice, bob }) => {
      const outputs = [[terra.account().address, '1'], [bob.address, '2000000'], [alice.address, '3000000']].map(([to = '', amount = '']) => new MsgMultiSend.Output(to, { uluna: amount }))
      return terra.send([new MsgMultiSend([new MsgMultiSend.Input(terra.stranger.address, { uluna: '5000001' })], outputs)])
    },
  },
  {
    name: 'several coin_received at one address in one transaction', booked: ['alice:uluna 1500000', 'unknown_asset:uusd 9'],
    happens: ({ world: { terra }, alice }) => terra.send([terra.pay(alice.address, { uluna: '1000000', uusd: '9' }), terra.pay(alice.address, { uluna: '500000' })]),
  },
  {
    name: 'an inner transfer by a contract, less the tax on it', booked: ['alice:uluna 995000'],
    happens: ({ world: { terra }, alice }) => terra.send([terra.call(terra.chain.createForwarder(), { forward: { to: alice.address } }, { uluna: '1000000' })], WIDE),
  },
  { name: 'a token', happens: ({ world: { terra }, alice }) => terra.send([terra.giveToken(alice.address, 5n)], WIDE), booked: ['alice:token 5'] },
  {
    name: 'an inner transfer of a token, through the hook of a contract', booked: ['bob:token 70'],
    happens: ({ world: { terra }, shared, codes }) => {
      const msg = Buffer.from(JSON.stringify({ to: shared.address })).toString('base64')
      return terra.send([terra.call(terra.token, { send: { contract: terra.chain.createForwarder(), amount: '70', msg } })], { ...WIDE, memo: codes.bob })
    },
  },
  { name: 'a zero amount of a token', happens: ({ world: { terra }, alice }) => terra.send([terra.giveToken(alice.address, 0n)], WIDE), booked: [] },
  { name: '2^64 - 1 of a token', happens: ({ world: { terra, big }, alice }) => terra.send([terra.call(big, { transfer: { recipient: alice.address, amount: String(UINT64_MAX) } })], WIDE), booked: [`alice:big ${String(UINT64_MAX)}`] },
  { name: 'more of a token than there is', happens: ({ world: { terra }, alice }) => terra.send([terra.giveToken(alice.address, 10n ** 30n)], WIDE), booked: [] },
  {
    name: 'a token that looks like ours', booked: [],
    happens: ({ world: { terra }, alice }) => {
      const forged = terra.chain.createToken({ name: 'Play Token', symbol: 'PLAY', decimals: 6, holder: terra.stranger.address, supply: 10n ** 12n })
      return terra.send([terra.call(forged, { transfer: { recipient: alice.address, amount: '1000000' } })], WIDE)
    },
  },
  {
    name: 'a forged event: a contract that says what our token says', booked: [],
    happens: ({ world: { terra }, alice }) => {
      const lines = { contract_address: terra.token, action: 'transfer', from: terra.stranger.address, to: alice.address, amount: '1000000' }
      return terra.send([terra.giveToken(terra.account().address, 1n), terra.call(terra.chain.createForwarder(), { say: { lines } })], WIDE)
    },
  },
  {
    name: 'a self-transfer', booked: ['alice:uluna 50000000'],
    happens: async ({ world: { terra }, alice }) => {
      await terra.send([terra.pay(alice.address, { uluna: String(50n * M) })], { fee: { uluna: String(GAS_FEE + M) } })
      terra.blocks(2)
      await payAs(adapterAt(terra, terra.server.url, []), alice, { to: alice.address, asset: LUNA, amount: M }, 20n * M)
    },
  },
  { name: 'a payment that its first block refused and a later one took', happens: refusedAndTaken, booked: ['alice:uluna 2000000'] },
  {
    name: 'a duplicated transaction: the same bytes twice', booked: ['alice:uluna 1000000'],
    happens: async ({ world: { terra }, alice }) => {
      const tx = await terra.signed([terra.pay(alice.address, { uluna: '1000000' })])
      for (let sent = 0; sent < 2; sent++) await terra.lcd.tx.broadcastSync(tx)
      terra.blocks()
      await terra.lcd.tx.broadcastSync(tx)
    },
  },
  memos('no memo', () => '', ['memo_missing:uluna 1000000']),
  memos('a memo with a right-to-left mark before the code', (code) => `\u202e${code}`, ['memo_unreadable:uluna 1000000']),
  memos('a memo with a NUL behind the code', (code) => `${code}\u0000`, ['memo_unreadable:uluna 1000000']),
  memos('a memo of SQL', () => '\'; DROP TABLE ledger_accounts; --', ['memo_unreadable:uluna 1000000']),
  memos('a memo of HTML', () => '<script>alert(1)</script>', ['memo_unreadable:uluna 1000000']),
  memos('a memo as long as the chain takes', () => 'é'.repeat(128), ['memo_unreadable:uluna 1000000']),
]

function adapterAt(terra: TerraWorld, url: string, tokens: readonly string[]): TerraChainAdapter {
  return new TerraChainAdapter({ url, chainId: terra.chain.chainId, random: countingRandom(url), tokens })
}

/** The LCD of a node that imitates today's network. */
export const terraCorpus = localCorpus<TerraStage>({
  name: 'terra',
  cases: CASES,
  open: async () => {
    const terra = await TerraWorld.open()
    const big = terra.chain.createToken({ name: 'Big Token', symbol: 'BIG', decimals: 0, holder: terra.stranger.address, supply: UINT64_MAX })
    terra.blocks()
    const second = await terra.server.another()
    return {
      world: { terra, big },
      adapters: [terra.server.url, second.url].map((url) => adapterAt(terra, url, [terra.token, big])),
      assets: new Map([[LUNA, { name: 'uluna', least: 1_000n }], [terraToken(terra.token), { name: 'token', least: 1n }], [terraToken(big), { name: 'big', least: 1n }], [UUSD, { name: 'uusd' }]]),
      holder: () => {
        const { address, signer } = terra.account()
        return { address: parseTerraAddress(address), signer }
      },
      makeFinal: async () => { terra.blocks(2) },
      close: async () => {
        await second.close()
        await terra.close()
      },
    }
  },
})
