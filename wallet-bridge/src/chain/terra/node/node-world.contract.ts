import { systemClock } from '@evegram/platform'
import { sleep } from '@evegram/protocol'
import { countingRandom } from '../../counting-random.js'
import type { ChainAdapter, ChainAddress } from '../../chain-adapter.js'
import type { Signer } from '../../signer.js'
import { TerraChainAdapter, type TerraAdapterOptions } from '../adapter.js'
import { parseTerraAddress, terraAddressOf } from '../address.js'
import { terraPlaySigner } from '../play-signer.js'
import { serveTerraNode, type TerraNode } from './serve.js'

/** Blocks in which payments of tests may land: several seconds, since they are made beside other work. */
export const TIMEOUT_BLOCKS = 40

const BLOCK_MS = 100
const LOOK_MS = 25

/** A real node whose blocks come by themselves, and accounts on it that nobody else uses. */
export class NodeWorld {
  readonly node: TerraNode
  readonly random = countingRandom(`node world ${String(process.pid)}`)
  readonly clock = systemClock()

  private constructor(node: TerraNode) {
    this.node = node
  }

  static async open(program: string): Promise<NodeWorld> {
    return new NodeWorld(await serveTerraNode({ clock: systemClock(), random: countingRandom('terra node'), program, port: 0, blockMs: BLOCK_MS }))
  }

  adapter(options: Partial<TerraAdapterOptions> = {}): TerraChainAdapter {
    return new TerraChainAdapter({ url: this.node.lcdUrl, chainId: this.node.chainId, random: this.random, timeoutBlocks: TIMEOUT_BLOCKS, ...options })
  }

  account(): { readonly address: ChainAddress; readonly signer: Signer } {
    const signer = terraPlaySigner(this.random.bytes(32))
    return { address: parseTerraAddress(terraAddressOf(signer.publicKey)), signer }
  }

  /** Waits for `count` blocks behind the newest one. */
  async blocks(count: number, through: ChainAdapter = this.adapter()): Promise<void> {
    const { latest } = await through.head()
    while ((await through.head()).latest < latest + count) await sleep(this.clock, LOOK_MS)
  }
}
