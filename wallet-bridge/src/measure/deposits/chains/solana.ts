import { PublicKey, SystemProgram, TransactionInstruction, type Keypair } from '@solana/web3.js'
import { utf8 } from '@evegram/protocol'
import { countingRandom } from '../../../chain/counting-random.js'
import { simulatedSigner } from '../../../chain/simulated/signer.js'
import { SOL, solanaAddressOf, solanaToken } from '../../../chain/solana/address.js'
import { SolanaWorld, TOKEN, type WorldMint } from '../../../chain/solana/devnet/solana-world.js'
import { SolanaChainAdapter } from '../../../chain/solana/index.js'
import { associatedTokenAddress, memo, openTokenAccount, transferChecked } from '../../../chain/solana/instructions.js'
import { ASSOCIATED_TOKEN_PROGRAM, WRAPPED_SOL_MINT } from '../../../chain/solana/programs.js'
import { localCorpus, type Holder, type LocalCase, type LocalScene } from '../local-corpus.js'

/** The chain with mints of the stranger's: a plain one, one with a transfer fee of 1 %, one that nobody configured, and one of which 2^64 - 1 are to be made. */
interface SolanaStage {
  readonly chain: SolanaWorld
  readonly token: WorldMint
  readonly taxed: WorldMint
  readonly junk: WorldMint
  readonly big: WorldMint
}

type Scene = LocalScene<SolanaStage>
type Case = LocalCase<SolanaStage>
/** A holder of ours, whose key the case may use. */
interface KeyHolder extends Holder {
  readonly keys: Keypair
}

const M = 1_000_000n
/** What a token account holds beside its tokens. */
const TOKEN_ACCOUNT_RENT = 2_039_280n
const UINT64_MAX = 2n ** 64n - 1n
const WRAPPED: WorldMint = { mint: new PublicKey(WRAPPED_SOL_MINT), program: TOKEN }

const at = ({ address }: Holder): PublicKey => new PublicKey(address)
/** Every holder of this chain is one with keys: it makes them itself. */
const keysOf = (holder: Holder): Keypair => (holder as KeyHolder).keys
const tokensOf = (holder: PublicKey, { mint, program }: WorldMint): PublicKey => associatedTokenAddress(holder, mint, program)

/** A stranger pays SOL to the shared address with memos. */
const memos = (name: string, texts: (code: string) => readonly Uint8Array[], booked: string): Case => ({
  name, happens: ({ world: { chain }, shared, codes }) => chain.send([chain.pay(at(shared), M), ...texts(codes.alice).map(memo)]), booked: [`${booked}:native 1000000`],
})
const text = (...parts: readonly string[]): readonly Uint8Array[] => [utf8(parts.join(''))]

/** Somebody with lamports, and tokens of a mint. */
async function giver({ world: { chain } }: Scene, mint: WorldMint, amount: bigint): Promise<Keypair> {
  const keys = chain.keypair()
  await chain.send([chain.pay(keys.publicKey, 100n * M), ...chain.give(mint, keys.publicKey, amount)])
  chain.blocks()
  return keys
}

async function sendTokens(scene: Scene, mint: WorldMint, amount: bigint, more: readonly TransactionInstruction[] = [], to = scene.alice): Promise<void> {
  const from = await giver(scene, mint, amount)
  await scene.world.chain.send([...scene.world.chain.transfer(mint, from.publicKey, at(to), amount, from.publicKey), ...more], [from])
}

/** A program that moves what nobody names: the associated token program takes tokens out of an account that belongs to a token account (RecoverNested), in inner instructions. */
async function innerTransfer({ world: { chain, token, junk }, alice }: Scene): Promise<void> {
  const owner = tokensOf(at(alice), junk)
  const nested = tokensOf(owner, token)
  await chain.send([
    openTokenAccount(chain.stranger.publicKey, at(alice), junk.mint, junk.program), openTokenAccount(chain.stranger.publicKey, at(alice), token.mint, token.program),
    ...chain.give(token, owner, 500n),
  ])
  chain.blocks()
  await chain.send([new TransactionInstruction({
    programId: new PublicKey(ASSOCIATED_TOKEN_PROGRAM), data: Buffer.from([2]),
    keys: [[nested, true], [token.mint, false], [tokensOf(at(alice), token), true], [owner, false], [junk.mint, false], [at(alice), true, true], [token.program, false]]
      .map(([pubkey, isWritable, isSigner = false]) => ({ pubkey: pubkey as PublicKey, isWritable: isWritable as boolean, isSigner: isSigner as boolean })),
  })], [chain.stranger, keysOf(alice)])
}

async function closedAndOpened(scene: Scene): Promise<void> {
  const { world: { chain, token }, alice } = scene
  const [own, stranger] = [tokensOf(at(alice), token), tokensOf(chain.stranger.publicKey, token)]
  await sendTokens(scene, token, 10n)
  chain.blocks()
  await chain.send([
    openTokenAccount(chain.stranger.publicKey, chain.stranger.publicKey, token.mint, token.program),
    transferChecked({ ...token, source: own, destination: stranger, authority: at(alice), amount: 10n, decimals: 6 }), closeAccount(own, chain.stranger.publicKey, at(alice)),
  ], [chain.stranger, keysOf(alice)])
  chain.blocks()
  await sendTokens(scene, token, 7n)
}

const CASES: readonly Case[] = [
  { name: 'a payment to an own address', happens: ({ world: { chain }, alice }) => chain.send([chain.pay(at(alice), M)]), booked: ['alice:native 1000000'] },
  { name: 'a payment to the shared address by memo', happens: ({ world: { chain }, shared, codes }) => chain.send([chain.pay(at(shared), M), memo(utf8(codes.bob))]), booked: ['bob:native 1000000'] },
  { name: 'a token', happens: (scene) => sendTokens(scene, scene.world.token, 70n), booked: ['alice:token 70'] },
  { name: 'a token at the shared address by memo', happens: (scene) => sendTokens(scene, scene.world.token, 70n, [memo(utf8(scene.codes.bob))], scene.shared), booked: ['bob:token 70'] },
  {
    name: 'a failed transaction that had paid before it failed', booked: [],
    happens: ({ world: { chain }, alice }) => chain.send([chain.pay(at(alice), M), chain.pay(at(alice), 10n ** 18n)]),
  },
  {
    name: 'a failed transaction with tokens and a code', booked: [],
    happens: async (scene) => {
      const { world: { chain, token }, shared, codes } = scene
      const from = await giver(scene, token, 5n)
      const pay = (amount: bigint): TransactionInstruction[] => chain.transfer(token, from.publicKey, at(shared), amount, from.publicKey)
      await chain.send([...pay(5n), ...pay(1n), memo(utf8(codes.alice))], [from])
    },
  },
  { name: 'an inner transfer by a program', happens: innerTransfer, booked: ['alice:native 2039280', 'alice:token 500'] },
  { name: 'a fee on transfer (Token-2022)', happens: (scene) => sendTokens(scene, scene.world.taxed, 100_000n), booked: ['alice:taxed 99000'] },
  { name: 'a fee on transfer that keeps all', happens: (scene) => sendTokens(scene, scene.world.taxed, 1n), booked: [] },
  {
    name: 'wrapped SOL', booked: ['unknown_asset:wrapped 3000000'],
    happens: ({ world: { chain }, alice }) => {
      const account = tokensOf(at(alice), WRAPPED)
      return chain.send([openTokenAccount(chain.stranger.publicKey, at(alice), WRAPPED.mint, TOKEN), chain.pay(account, 3n * M), tokenInstruction([account], 17)])
    },
  },
  {
    name: 'SOL to the token account of wrapped SOL, which nobody counted in', booked: [],
    happens: async ({ world: { chain }, alice }) => {
      const account = tokensOf(at(alice), WRAPPED)
      await chain.send([openTokenAccount(chain.stranger.publicKey, at(alice), WRAPPED.mint, TOKEN), chain.pay(account, 3n * M)])
    },
  },
  {
    name: 'the rent of a token account that a stranger closed', booked: [`alice:native ${String(TOKEN_ACCOUNT_RENT)}`],
    happens: async (scene) => {
      const { world: { chain, token }, alice } = scene
      const keys = chain.keypair()
      await chain.send([chain.pay(keys.publicKey, 100n * M), openTokenAccount(chain.stranger.publicKey, keys.publicKey, token.mint, token.program)])
      chain.blocks()
      await chain.send([closeAccount(tokensOf(keys.publicKey, token), at(alice), keys.publicKey)], [keys])
    },
  },
  { name: 'a closed token account that was opened again', happens: closedAndOpened, booked: ['alice:token 10', 'alice:token 7'] },
  {
    name: 'a token account that was given to us with what is in it', booked: ['alice:token 40'],
    happens: async (scene) => {
      const keys = await giver(scene, scene.world.token, 40n)
      await scene.world.chain.send([setOwner(tokensOf(keys.publicKey, scene.world.token), keys.publicKey, at(scene.alice))], [keys])
    },
  },
  { name: 'a token that looks like ours, with a code', happens: (scene) => sendTokens(scene, scene.world.junk, 70n, [memo(utf8(scene.codes.bob))], scene.shared), booked: ['unknown_asset:junk 70'] },
  {
    name: 'a self-transfer', booked: ['alice:native 1000000', 'alice:token 70'],
    happens: async (scene) => {
      const { world: { chain, token }, alice } = scene
      await chain.send([chain.pay(at(alice), M)])
      await sendTokens(scene, token, 70n)
      chain.blocks()
      await chain.send([
        SystemProgram.transfer({ fromPubkey: at(alice), toPubkey: at(alice), lamports: 5n }), ...chain.transfer(token, at(alice), at(alice), 7n),
      ], [chain.stranger, keysOf(alice)])
    },
  },
  { name: 'a zero amount, with a code', happens: ({ world: { chain }, shared, codes }) => chain.send([chain.pay(at(shared), 0n), memo(utf8(codes.alice))]), booked: [] },
  { name: 'a zero amount of a token', happens: (scene) => sendTokens(scene, scene.world.token, 0n), booked: [] },
  { name: '2^64 - 1 of a token', happens: (scene) => sendTokens(scene, scene.world.big, UINT64_MAX), booked: [`alice:big ${String(UINT64_MAX)}`] },
  {
    name: 'dust', booked: ['alice:native 1000000', 'dust:native 999'],
    happens: async ({ world: { chain }, alice }) => {
      await chain.send([chain.pay(at(alice), M)])
      chain.blocks()
      await chain.send([chain.pay(at(alice), 999n)])
    },
  },
  {
    name: 'reorganised away', booked: ['alice:native 7000000'],
    happens: async ({ world: { chain }, alice }) => {
      await chain.send([chain.pay(at(alice), 5n * M)])
      chain.blocks()
      chain.chain.dropNewestBlock()
      await chain.send([chain.pay(at(alice), 7n * M)])
    },
  },
  {
    name: 'a duplicated transaction: the same bytes twice', booked: ['alice:native 1000000'],
    happens: async ({ world: { chain }, alice }) => {
      // Same block hash, same bytes, same signature.
      for (let sent = 0; sent < 2; sent++) await chain.send([chain.pay(at(alice), M)]).catch(() => undefined)
    },
  },
  memos('no memo', () => [], 'memo_missing'),
  memos('two memos', (code) => [utf8(code), utf8('x')], 'memo_missing'),
  memos('a memo with a right-to-left mark before the code', (code) => text('\u202e', code), 'memo_unreadable'),
  memos('a memo with a NUL behind the code', (code) => text(code, '\0'), 'memo_unreadable'),
  memos('a memo as long as a transaction takes', () => text('x'.repeat(800)), 'memo_unreadable'),
  memos('a memo of SQL', () => text('\'; DROP TABLE ledger_accounts; --'), 'memo_unreadable'),
  memos('a memo of HTML', () => text('<script>alert(1)</script>'), 'memo_unreadable'),
]

/** litesvm behind the JSON-RPC of a node. */
export const solanaCorpus = localCorpus<SolanaStage>({
  name: 'solana',
  cases: CASES,
  open: async () => {
    const chain = await SolanaWorld.open()
    const second = await chain.server.another()
    const stage = { chain, token: await chain.mint(), taxed: await chain.mint({ basisPoints: 100, max: M }), junk: await chain.mint(), big: await chain.mint() }
    const assetOf = ({ mint }: WorldMint): ReturnType<typeof solanaToken> => solanaToken(mint.toBase58())
    chain.makeFinal()
    return {
      world: stage,
      adapters: [chain.server.url, second.url].map((url) => new SolanaChainAdapter({ url, random: countingRandom(url) })),
      assets: new Map([
        [SOL, { name: 'native', least: 1_000n }], [assetOf(stage.token), { name: 'token', least: 1n }], [assetOf(stage.taxed), { name: 'taxed', least: 1n }],
        [assetOf(stage.big), { name: 'big', least: 1n }], [assetOf(stage.junk), { name: 'junk' }], [assetOf(WRAPPED), { name: 'wrapped' }],
      ]),
      holder: (): KeyHolder => {
        const keys = chain.keypair()
        return { address: solanaAddressOf(keys.publicKey.toBytes()), signer: simulatedSigner(keys.secretKey.slice(0, 32)), keys }
      },
      makeFinal: async () => { chain.makeFinal() },
      close: async () => {
        await second.close()
        await chain.close()
      },
    }
  },
})

/** An instruction of a token program that is its number and nothing else. The last account signs where there is more than one. */
function tokenInstruction(accounts: readonly PublicKey[], number: number): TransactionInstruction {
  const keys = accounts.map((pubkey, index) => ({ pubkey, isSigner: index === accounts.length - 1 && index > 0, isWritable: index !== accounts.length - 1 || index === 0 }))
  return new TransactionInstruction({ programId: TOKEN, keys, data: Buffer.from([number]) })
}

function closeAccount(account: PublicKey, to: PublicKey, owner: PublicKey): TransactionInstruction {
  return tokenInstruction([account, to, owner], 9)
}

/** SetAuthority, AccountOwner. */
function setOwner(account: PublicKey, owner: PublicKey, next: PublicKey): TransactionInstruction {
  const keys = [{ pubkey: account, isSigner: false, isWritable: true }, { pubkey: owner, isSigner: true, isWritable: false }]
  return new TransactionInstruction({ programId: TOKEN, keys, data: Buffer.concat([Buffer.from([6, 2, 1]), next.toBuffer()]) })
}
