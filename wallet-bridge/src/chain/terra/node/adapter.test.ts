import { bech32 } from '@scure/base'
import { textOf } from '@evegram/protocol'
import { afterAll, describe, it, vi } from 'vitest'
import { assetIdOf } from '../../../ledger/ids.js'
import { describeChainAdapter, type ChainHarness } from '../../chain-adapter.contract.js'
import { LUNA, TERRA } from '../address.js'
import { foundTerrad, NO_TERRAD } from './found-terrad.contract.js'
import { serveNodeFront } from './front.js'
import { NodeWorld, TIMEOUT_BLOCKS } from './node-world.contract.js'

// Real blocks, of a real node.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const found = foundTerrad()
let opening: Promise<NodeWorld> | undefined

async function setup(): Promise<ChainHarness> {
  if (found === undefined) throw new Error(NO_TERRAD)
  opening ??= NodeWorld.open(found.path)
  const world = await opening
  const { lcdUrl, chainId, faucet } = world.node
  const front = await serveNodeFront({ lcdUrl, chainId, faucet, port: 0 })
  const { address: somebody } = world.account()
  return {
    adapter: world.adapter({ url: front.url }),
    // The node itself, past the front.
    another: async () => world.adapter(),
    // A coin: contracts of this release are not those of today.
    token: assetIdOf(TERRA, 'uusd'),
    feeMax: 100_000_000n,
    badAddresses: [
      somebody.toUpperCase(), `${somebody.slice(0, -1)}${somebody.endsWith('q') ? 'p' : 'q'}`, bech32.encodeFromBytes('cosmos', new Uint8Array(20).fill(7)),
      bech32.encodeFromBytes('terra', new Uint8Array(20)), bech32.encodeFromBytes('terra', new Uint8Array(21)),
    ],
    account: async () => world.account(),
    fund: async ({ to, asset, amount, memo }) => { await faucet.give(to, asset === LUNA ? 'uluna' : 'uusd', amount, memo === undefined ? '' : textOf(memo)) },
    // The next one may have been proposed before.
    makeBlock: () => world.blocks(2),
    // A block is final when the next one names it; what was handed over just now needs one to get into.
    makeFinal: () => world.blocks(3),
    passExpiry: () => world.blocks(TIMEOUT_BLOCKS + 2),
    cutSource: () => front.close(),
    close: () => front.close(),
  }
}

afterAll(async () => {
  await (await opening)?.node.close()
})

if (found === undefined) describe('ChainAdapter on a real Terra node', () => { it.skip(NO_TERRAD) })
else describeChainAdapter({ name: `terra, through the SDK to a real node (terrad ${found.version})`, setup, gaps: ['reorganisation', 'held_blocks'] })
