import type { ChainName } from '../../chain/chain-adapter.js'
import { decodeCheckpoint, encodeCheckpoint, type ReconcileCheckpoint, type ReconcileCheckpoints } from './checkpoint.js'

/** Checkpoints in memory, in the text that others keep: for measurements and tests. */
export class MemoryCheckpoints implements ReconcileCheckpoints {
  readonly #texts = new Map<ChainName, string>()

  async get(chain: ChainName): Promise<ReconcileCheckpoint | undefined> {
    const text = this.#texts.get(chain)
    return text === undefined ? undefined : decodeCheckpoint(text)
  }

  async put(checkpoint: ReconcileCheckpoint): Promise<void> {
    this.#texts.set(checkpoint.chain, encodeCheckpoint(checkpoint))
  }
}
