import { Address, beginCell, comment, internal, SendMode } from '@ton/core'
import { utf8 } from '@evegram/protocol'
import { countingRandom } from '../../../chain/counting-random.js'
import { simulatedSigner } from '../../../chain/simulated/signer.js'
import { tonAddressOf } from '../../../chain/ton/address.js'
import { TonWorld } from '../../../chain/ton/devnet/ton-world.js'
import { highloadWallet } from '../../../chain/ton/highload-wallet.js'
import { TonChainAdapter, TONCOIN, tonJetton } from '../../../chain/ton/index.js'
import { writeComment } from '../../../chain/ton/text-comment.js'
import type { AssetId } from '../../../ledger/ids.js'
import { localCorpus, payAs, type Holder, type LocalCase, type LocalScene } from '../local-corpus.js'

type Scene = LocalScene<TonWorld>
type Case = LocalCase<TonWorld>

const M = 1_000_000n
const at = ({ address }: Holder): Address => Address.parse(address)
const bytes = (...parts: readonly (string | Uint8Array)[]): Uint8Array => Buffer.concat(parts.map((part) => typeof part === 'string' ? utf8(part) : part))

/** A stranger pays to the shared address with bytes as comment. */
const comments = (name: string, memo: (code: string) => Uint8Array, booked: string): Case => ({
  name, happens: ({ world, shared, codes }) => world.send([world.pay(at(shared), 5n * M, writeComment(memo(codes.alice)))]), booked: [`${booked}:native 5000000`],
})

/** Pays by the wallet of one of us. */
function payBy(world: TonWorld, holder: Holder, to: Holder['address'], asset: AssetId, amount: bigint): Promise<void> {
  return payAs(new TonChainAdapter({ url: world.server.url, random: countingRandom(`by ${to} ${String(amount)}`) }), holder, { to, asset, amount }, 200n * M)
}

async function twoOrders({ world, hot }: Scene): Promise<void> {
  const stranger = tonAddressOf(world.stranger.wallet.address)
  await world.chain.faucet.give(at(hot), 10_000n * M)
  await world.chain.faucet.giveJetton({ to: at(hot), amount: 10n })
  await world.makeFinal()
  // Each alone could be paid: the second order comes back from the jetton wallet, with what it did not burn.
  for (const amount of [8n, 7n]) await payBy(world, hot, stranger, tonJetton(tonAddressOf(world.jetton)), amount)
}

const CASES: readonly Case[] = [
  { name: 'a payment to an own address', happens: ({ world, alice }) => world.send([world.pay(at(alice), 5n * M)]), booked: ['alice:native 5000000'] },
  { name: 'a payment to the shared address by comment', happens: ({ world, shared, codes }) => world.send([world.pay(at(shared), 5n * M, codes.bob)]), booked: ['bob:native 5000000'] },
  {
    name: 'jettons, of which the owner is told and not told', booked: ['alice:jetton 70', 'bob:jetton 80', 'dust:native 1'],
    happens: async ({ world, shared, codes }) => {
      await world.chain.faucet.giveJetton({ to: at(shared), amount: 70n, text: codes.alice })
      await world.chain.faucet.giveJetton({ to: at(shared), amount: 80n, text: codes.bob, forward: 1n })
    },
  },
  { name: 'a forged notification, which brings nothing but the TON that it carries', happens: ({ world, shared, codes }) => world.send([world.notification(at(shared), M, world.stranger.wallet.address, codes.alice)]), booked: ['memo_missing:native 20000000'] },
  { name: 'a forged notification at an own address', happens: ({ world, alice }) => world.send([world.notification(at(alice), M, world.stranger.wallet.address, 'x')]), booked: ['alice:native 20000000'] },
  {
    name: 'jettons of a wallet that only looks like one of the jetton', booked: [],
    happens: async ({ world, shared, codes }) => world.send([world.transferJetton(await world.lookAlike(), at(shared), M, { text: codes.alice, forward: 10n * M })]),
  },
  {
    name: 'jettons of a wallet that only looks like one of another jetton', booked: [],
    happens: async ({ world, shared, codes }) => world.send([world.transferJetton(await world.lookAlike(await world.otherJetton()), at(shared), M, { text: codes.alice, forward: 10n * M })]),
  },
  {
    name: 'a bounced message: what a wallet that is not there sends back', booked: [],
    happens: ({ world, shared, alice, codes }) => world.send([shared, alice].map((to) => internal({ to: at(to), value: 1_000n * M, bounce: true, body: comment(codes.bob) }))),
  },
  { name: 'an order of ours that bounces, and what is over of another', happens: twoOrders, booked: ['no_route:jetton 10', 'no_route:native 10000000000'] },
  {
    name: 'an inner transfer by a contract, which calls it an excess', booked: ['alice:native 5000000'],
    happens: async ({ world, alice }) => {
      // Its code runs when it is made.
      await world.forwarder(at(alice))
    },
  },
  {
    name: 'a self-transfer', booked: ['alice:native 1000000000'],
    happens: async ({ world, alice }) => {
      await world.chain.faucet.give(at(alice), 1_000n * M)
      await world.makeFinal()
      await payBy(world, alice, alice.address, TONCOIN, 5n * M)
    },
  },
  { name: 'nothing, with a code', happens: ({ world, shared, codes }) => world.send([world.pay(at(shared), 0n, codes.alice)]), booked: [] },
  { name: 'dust', happens: ({ world, alice }) => world.send([world.pay(at(alice), 999n)]), booked: ['dust:native 999'] },
  { name: '2^64 - 1 of a jetton', happens: ({ world, alice }) => world.chain.faucet.giveJetton({ to: at(alice), amount: 2n ** 64n - 1n }), booked: ['alice:jetton 18446744073709551615'] },
  { name: 'more than 64 bits of a jetton', happens: ({ world, alice }) => world.chain.faucet.giveJetton({ to: at(alice), amount: 10n ** 30n }), booked: [`alice:jetton ${String(10n ** 30n)}`] },
  {
    name: 'reorganised away', booked: ['alice:native 7000000'],
    happens: async ({ world, alice }) => {
      await world.chain.faucet.give(at(alice), 5n * M)
      await world.blocks(2)
      for (let block = 0; block < 2; block++) await world.chain.dropNewestBlock()
      await world.chain.faucet.give(at(alice), 7n * M)
    },
  },
  {
    name: 'a duplicated message: the same bytes twice', booked: ['alice:native 5000000'],
    happens: async ({ world, alice }) => {
      const wallet = world.client.open(world.stranger.wallet)
      const seqno = await wallet.getSeqno()
      const transfer = wallet.createTransfer({ seqno, secretKey: world.stranger.secretKey, messages: [world.pay(at(alice), 5n * M)], sendMode: SendMode.PAY_GAS_SEPARATELY, timeout: world.soon })
      for (let sent = 0; sent < 2; sent++) await wallet.send(transfer)
    },
  },
  comments('a comment with a right-to-left mark before the code', (code) => bytes('\u202e', code), 'memo_unreadable'),
  comments('a comment with a NUL behind the code', (code) => bytes(code, '\0'), 'memo_unreadable'),
  comments('a comment of 1 kB', () => new Uint8Array(1_024).fill(120), 'memo_unreadable'),
  comments('a code with 900 blanks behind it', (code) => bytes(code, ' '.repeat(900)), 'memo_unreadable'),
  comments('a comment of SQL', () => bytes('\'; DROP TABLE ledger_accounts; --'), 'memo_unreadable'),
  comments('a comment of HTML', () => bytes('<script>alert(1)</script>'), 'memo_unreadable'),
  comments('a comment that is no UTF-8', () => Uint8Array.from([0xff, 0xfe, 0xc0, 0x80]), 'memo_unreadable'),
  comments('an empty comment', () => new Uint8Array(0), 'memo_missing'),
  {
    name: 'a body that is no comment', booked: ['memo_missing:native 5000000'],
    happens: ({ world, shared, codes }) => world.send([world.pay(at(shared), 5n * M, beginCell().storeUint(1, 32).storeStringTail(codes.alice).endCell())]),
  },
]

/** @ton/sandbox behind toncenter v2. */
export const tonCorpus = localCorpus<TonWorld>({
  name: 'ton',
  cases: CASES,
  open: async () => {
    const world = await TonWorld.open()
    const second = await world.server.another()
    const master = tonAddressOf(world.jetton)
    return {
      world,
      adapters: [world.server.url, second.url].map((url) => new TonChainAdapter({ url, random: countingRandom(url), jettons: [master] })),
      assets: new Map([[TONCOIN, { name: 'native', least: 1_000n }], [tonJetton(master), { name: 'jetton', least: 1n }]]),
      holder: () => {
        const signer = simulatedSigner(world.seed())
        return { address: tonAddressOf(highloadWallet(signer.publicKey).address), signer }
      },
      makeFinal: () => world.makeFinal(),
      close: async () => {
        await second.close()
        await world.close()
      },
    }
  },
})
