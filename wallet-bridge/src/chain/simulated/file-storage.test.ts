import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CHAIN_FILE, FileStorage } from './file-storage.js'
import { describeSimulatedStorage } from './storage.contract.js'
import { SimulatedWorld } from './simulated-world.contract.js'

let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'evegram-chain-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

const file = (): string => join(folder, CHAIN_FILE)
const filled = (value: number, length = 100): Uint8Array => new Uint8Array(length).fill(value)

describeSimulatedStorage('in a file', async () => {
  const opened: FileStorage[] = []
  const open = async (): Promise<FileStorage> => {
    const storage = await FileStorage.open(folder)
    opened.push(storage)
    return storage
  }
  return {
    storage: await open(), reopen: open,
    close: async () => { for (const storage of opened.splice(0)) await storage.close() },
  }
})

describe('FileStorage', () => {
  it('finds all that was acknowledged, wherever the process ended while it wrote', async () => {
    const storage = await FileStorage.open(folder)
    await storage.put('a', filled(1))
    await storage.put('b', filled(2))
    const before = storage.fileBytes
    await storage.put('a', filled(3))
    await storage.close()
    const whole = await readFile(file())
    for (let end = before; end < whole.length; end++) {
      await writeFile(file(), whole.subarray(0, end))
      const again = await FileStorage.open(folder)
      expect(new Map(await again.entries()), `cut at ${String(end)}`).toEqual(new Map([['a', filled(1)], ['b', filled(2)]]))
      await again.put('c', filled(4))
      await again.close()
      const after = await FileStorage.open(folder)
      expect(new Map(await after.entries()).get('c')).toEqual(filled(4))
      await after.close()
    }
  })

  it('begins anew where not even the head of the file was written', async () => {
    await writeFile(file(), 'evegram-sim')
    const storage = await FileStorage.open(folder)
    await storage.put('a', filled(1))
    await storage.close()
    const again = await FileStorage.open(folder)
    expect(await again.entries()).toHaveLength(1)
    await again.close()
  })

  it('refuses a file that no crash leaves, and leaves it as it is', async () => {
    const storage = await FileStorage.open(folder)
    await storage.put('a', filled(1))
    const first = storage.fileBytes
    await storage.put('b', filled(2))
    await storage.close()
    const whole = await readFile(file())
    const damagedAt = (at: number): Buffer => {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 1
      return damaged
    }
    const begin = whole.indexOf('\n') + 1
    // Every byte of what stands before the first entry, its length with it, and the last byte of the entry.
    const wrong = [...Array.from({ length: 20 }, (_, byte) => damagedAt(begin + byte)), damagedAt(first - 1)]
    for (const content of [...wrong, Buffer.from('something that is no chain at all'), Buffer.from('else')]) {
      await writeFile(file(), content)
      await expect(FileStorage.open(folder)).rejects.toThrow('unavailable.store')
      expect(await readFile(file())).toEqual(content)
    }
  })

  it('stays small however often an entry is replaced, and goes on after a rewriting that was cut off', async () => {
    const storage = await FileStorage.open(folder, { rewriteFromBytes: 2_000 })
    await storage.put('stays', filled(7))
    for (let round = 0; round < 200; round++) await storage.put('head', filled(round))
    await storage.close()
    expect((await stat(file())).size).toBeLessThan(2_200)
    await appendFile(`${file()}.new`, 'half a file')
    const again = await FileStorage.open(folder)
    expect(new Map(await again.entries())).toEqual(new Map([['stays', filled(7)], ['head', filled(199)]]))
    await again.close()
  })

  it('is readable by its owner alone', async () => {
    const inside = join(folder, 'chain')
    const storage = await FileStorage.open(inside)
    await storage.close()
    expect((await stat(inside)).mode & 0o777).toBe(0o700)
    expect((await stat(join(inside, CHAIN_FILE))).mode & 0o777).toBe(0o600)
  })

  it('refuses keys that are none', async () => {
    const storage = await FileStorage.open(folder)
    for (const key of ['', 'a b', 'ä', 'x'.repeat(65)]) await expect(storage.put(key, filled(1))).rejects.toThrow('invalid.argument')
    await storage.close()
  })

  it('keeps a chain, and grows by nothing but a head now and then while nothing happens', async () => {
    const storage = await FileStorage.open(folder)
    const world = await SimulatedWorld.open('solana', storage)
    const { address } = await world.wallet(1_000n)
    await world.blocks(40)
    const before = storage.fileBytes
    await world.blocks(10_000)
    expect(storage.fileBytes - before).toBeLessThan(2_000)
    await storage.close()
    const again = await FileStorage.open(folder)
    expect((await SimulatedWorld.open('solana', again)).held(address)).toBe(1_000n)
    await again.close()
  })
})
