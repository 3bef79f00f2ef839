import { afterEach, describe, expect, it } from 'vitest'
import type { SimulatedStorage } from './storage.js'

/** A storage that can be opened again. */
export interface StorageHarness {
  readonly storage: SimulatedStorage
  /** What a process finds that starts after this one ended, without a word. */
  reopen(): Promise<SimulatedStorage>
  close(): Promise<void>
}

const bytes = (...values: readonly number[]): Uint8Array => new Uint8Array(values)
const sorted = async (storage: SimulatedStorage): Promise<readonly (readonly [string, readonly number[]])[]> =>
  (await storage.entries()).map(([key, value]) => [key, [...value]] as const).sort(([left], [right]) => left < right ? -1 : 1)

/** The suite that every {@link SimulatedStorage} passes. */
export function describeSimulatedStorage(name: string, setup: () => Promise<StorageHarness>): void {
  describe(`SimulatedStorage, ${name}`, () => {
    const opened: StorageHarness[] = []
    const open = async (): Promise<StorageHarness> => {
      const harness = await setup()
      opened.push(harness)
      return harness
    }
    afterEach(async () => {
      for (const harness of opened.splice(0)) await harness.close()
    })

    it('begins empty, and keeps what was put, replaced and deleted', async () => {
      const harness = await open()
      const { storage } = harness
      expect(await storage.entries()).toEqual([])
      await storage.put('a', bytes(1))
      await storage.put('b', bytes())
      await storage.put('c', bytes(3))
      await storage.put('a', bytes(1, 2))
      await storage.delete('c')
      await storage.delete('never there')
      const expected = [['a', [1, 2]], ['b', []]]
      expect(await sorted(storage)).toEqual(expected)
      expect(await sorted(await harness.reopen())).toEqual(expected)
    })

    it('gives and takes copies', async () => {
      const { storage } = await open()
      const mine = bytes(1)
      await storage.put('a', mine)
      mine[0] = 9
      const [entry] = await storage.entries()
      entry![1][0] = 8
      expect(await sorted(storage)).toEqual([['a', [1]]])
    })

    it('takes changes at once, in the order in which they were asked for', async () => {
      const harness = await open()
      const { storage } = harness
      await Promise.all([...Array.from({ length: 50 }, (_, index) => storage.put('a', bytes(index))), storage.put('b', bytes(1)), storage.delete('b')])
      expect(await sorted(storage)).toEqual([['a', [49]]])
      expect(await sorted(await harness.reopen())).toEqual([['a', [49]]])
    })
  })
}
