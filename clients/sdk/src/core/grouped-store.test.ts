import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../store/memory.js'
import type { LocalStore, StoreChange } from '../store/local-store.js'
import { MortalStore } from '../sync/testing/mortal-store.js'
import { GroupedStore } from './grouped-store.js'

const text = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : Buffer.from(value).toString())
const put = (key: string, value: string | undefined): StoreChange => ({
  table: 'messages', key, value: value === undefined ? undefined : new TextEncoder().encode(value),
})
const changes = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), value: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }) }), { minLength: 1, maxLength: 4 })

async function rows(store: LocalStore, range: { from?: string; to?: string; reverse?: boolean; limit: number }): Promise<string[]> {
  return (await store.list('messages', range)).map(({ key, value }) => `${key}=${String(text(value))}`)
}

describe('a grouped store', () => {
  it('reads at every moment what a store with instant commits would', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.tuple(changes, fc.boolean()), { maxLength: 8 }), fc.boolean(), fc.integer({ min: 1, max: 6 }),
      fc.constantFrom<{ from?: string; to?: string }>({}, { from: 'b' }, { to: 'd' }, { from: 'b', to: 'e' }),
      async (script, reverse, limit, range) => {
        const grouped = new GroupedStore(new MemoryStore())
        const instant = new MemoryStore()
        const durable: Promise<void>[] = []
        for (const [writes, waits] of script) {
          const commit = writes.map(({ key, value }) => put(key, value))
          await instant.commit(commit)
          durable.push(grouped.commit(commit))
          if (waits) await durable.at(-1)
          expect(await rows(grouped, { ...range, reverse, limit })).toEqual(await rows(instant, { ...range, reverse, limit }))
          for (const key of ['a', 'c', 'e']) expect(text(await grouped.get('messages', key))).toBe(text(await instant.get('messages', key)))
        }
        await Promise.all(durable)
        expect(await rows(grouped, { limit: 10 })).toEqual(await rows(instant, { limit: 10 }))
      },
    ))
  })

  it('makes what is staged together durable in one commit', async () => {
    const disk = new MortalStore(new MemoryStore())
    const grouped = new GroupedStore(disk)
    await Promise.all(Array.from({ length: 50 }, (_, index) => grouped.commit([put(`k${String(index)}`, 'v')])))
    expect(disk.commits).toBeLessThan(4)
  })

  it('fails everything that was staged behind a commit that failed, and shows none of it', async () => {
    const disk = new MemoryStore()
    await disk.commit([put('a', 'old')])
    const grouped = new GroupedStore(new MortalStore(disk, { atCommit: 1, durable: false }))
    const first = grouped.commit([put('a', 'new')])
    const second = grouped.commit([put('b', 'built on it')])
    expect(text(await grouped.get('messages', 'a'))).toBe('new')
    await expect(first).rejects.toMatchObject({ code: 'client.store' })
    await expect(second).rejects.toMatchObject({ code: 'client.store' })
    expect(await rows(disk, { limit: 10 })).toEqual(['a=old'])
  })

  it('are written whenever they come, also in the very moment in which the commit before them ends', async () => {
    const late: number[] = []
    for (let hops = 0; hops < 24; hops++) {
      const store = new GroupedStore(new MemoryStore())
      void store.commit([{ table: 'meta', key: 'first', value: new Uint8Array(1) }])
      for (let hop = 0; hop < hops; hop++) await Promise.resolve()
      let isDurable = false
      void store.commit([{ table: 'meta', key: 'second', value: new Uint8Array(1) }]).then(() => { isDurable = true })
      await new Promise((resolve) => { setImmediate(resolve) })
      if (!isDurable) late.push(hops)
    }
    expect(late).toEqual([])
  })
})
