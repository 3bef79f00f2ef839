import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseChainName } from '../../chain/chain-adapter.js'
import { assetIdOf } from '../../ledger/ids.js'
import type { ReconcileCheckpoint, ReconcileCheckpoints } from './checkpoint.js'

/** Checkpoints under test. */
export interface CheckpointsSubject {
  readonly checkpoints: ReconcileCheckpoints
  close(): Promise<void>
}

/** The promises of {@link ReconcileCheckpoints}, run by every adapter. `setup` gives an empty store. */
export function describeCheckpoints(adapter: { readonly name: string; readonly setup: () => Promise<CheckpointsSubject> }): void {
  const [ton, terra] = [parseChainName('ton'), parseChainName('terra')]
  const asset = assetIdOf('ton', 'ton')
  const checkpoint: ReconcileCheckpoint = {
    chain: ton, scope: '[0,["ton/ton"],["hot, and \\"more\\""],[]]', height: 7, event: 9, hash: 'ab'.repeat(32), ledger: '00'.repeat(16),
    assets: [{ asset, matched: 3, unknown: 1, sums: { custody: 10n ** 38n, users: -5n, suspense: 0n, pending: 2n } }],
    open: [{ asset, subject: 'tx:0', chain: 5n, ledger: undefined }, { asset, subject: 'tx', chain: undefined, ledger: -(10n ** 39n) }],
    unknown: [{ asset, subject: 'u:somebody:odd', ledger: -5n }],
  }

  describe(`ReconcileCheckpoints: ${adapter.name}`, () => {
    let subject: CheckpointsSubject
    beforeEach(async () => {
      subject = await adapter.setup()
    })
    afterEach(async () => {
      await subject.close()
    })

    it('gives back every field of the newest one of a chain', async () => {
      const { checkpoints } = subject
      expect(await checkpoints.get(ton)).toBeUndefined()
      await checkpoints.put(checkpoint)
      expect(await checkpoints.get(ton)).toEqual(checkpoint)
      const older: ReconcileCheckpoint = { ...checkpoint, height: 3, event: 2, open: [], unknown: [], assets: [] }
      await checkpoints.put(older)
      expect(await checkpoints.get(ton)).toEqual(older)
    })

    it('keeps chains apart', async () => {
      const { checkpoints } = subject
      await checkpoints.put(checkpoint)
      expect(await checkpoints.get(terra)).toBeUndefined()
      await checkpoints.put({ ...checkpoint, chain: terra, height: 8 })
      expect([(await checkpoints.get(ton))?.height, (await checkpoints.get(terra))?.height]).toEqual([7, 8])
    })
  })
}
