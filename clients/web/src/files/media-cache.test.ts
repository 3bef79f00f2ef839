import { describe, expect, it } from 'vitest'
import { MediaCache, type FetchedMedia } from './media-cache.js'

const made = (): { cache: MediaCache; live: Set<string> } => {
  const live = new Set<string>()
  let count = 0
  const cache = new MediaCache({
    makeUrl: () => {
      count += 1
      live.add(`blob:${String(count)}`)
      return `blob:${String(count)}`
    },
    revokeUrl: (url) => { live.delete(url) },
  }, { idleBytesMax: 100, idleFilesMax: 5, loadsMax: 2 })
  return { cache, live }
}
const media = (bytes: number) => async (): Promise<FetchedMedia> => ({ blob: new Blob([new Uint8Array(bytes)]) })
const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0) })

describe('files that are shown in place', () => {
  it('are fetched once, however often they are shown', async () => {
    const { cache } = made()
    let loads = 0
    const load = async (): Promise<FetchedMedia> => {
      loads += 1
      return media(10)()
    }
    const [one, two] = [cache.open('a', load), cache.open('a', load)]
    expect(await one.url).toBe(await two.url)
    one.close()
    two.close()
    expect(await cache.open('a', load).url).toBe('blob:1')
    expect(loads).toBe(1)
  })

  it('go when too much is kept that nobody looks at, the ones used longest ago first; what is looked at stays', async () => {
    const { cache, live } = made()
    const [a, b, c] = [cache.open('a', media(60)), cache.open('b', media(60)), cache.open('c', media(60))]
    const urls = await Promise.all([a.url, b.url, c.url])
    a.close()
    expect(live.size).toBe(3)
    b.close()
    expect([...live]).toEqual([urls[1], urls[2]])
    c.close()
    expect([...live]).toEqual([urls[2]])
    expect(cache.idleBytes).toBe(60)
    cache.clear()
    expect(live.size).toBe(0)
  })

  it('are forgotten when there are too many of them, however small', async () => {
    const { cache, live } = made()
    for (let at = 0; at < 20; at++) {
      const lease = cache.open(String(at), media(1))
      await lease.url
      lease.close()
    }
    expect(live.size).toBe(5)
  })

  it('are fetched no further when nobody waits any more, and leave no address behind', async () => {
    const { cache, live } = made()
    let wasAborted = false
    const lease = cache.open('a', (signal) => new Promise<FetchedMedia>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        wasAborted = true
        reject(new Error('aborted'))
      })
    }))
    await settle()
    lease.close()
    lease.close()
    await expect(lease.url).rejects.toThrow('aborted')
    expect([wasAborted, live.size]).toEqual([true, 0])
    expect(await cache.open('a', media(1)).url).toBe('blob:1')
  })

  it('are fetched so many at a time, and what was left before its turn never', async () => {
    const { cache } = made()
    const [begun, ends]: [string[], (() => void)[]] = [[], []]
    const slow = (name: string) => () => new Promise<FetchedMedia>((resolve) => {
      begun.push(name)
      ends.push(() => { resolve({ blob: new Blob(['x']) }) })
    })
    const leases = ['a', 'b', 'c', 'd'].map((name) => cache.open(name, slow(name)))
    await settle()
    expect(begun).toEqual(['a', 'b'])
    leases[2]?.close()
    leases[2]?.url.catch(() => undefined)
    ends[0]?.()
    await settle()
    expect(begun).toEqual(['a', 'b', 'd'])
  })

  it('that cannot be shown say so once, and are not fetched again; what failed is', async () => {
    const { cache, live } = made()
    let loads = 0
    const bad = async (): Promise<undefined> => { loads += 1 }
    expect(await cache.open('a', bad).url).toBeUndefined()
    expect(await cache.open('a', bad).url).toBeUndefined()
    expect([loads, live.size]).toEqual([1, 0])
    const failing = cache.open('b', async () => { throw new Error('offline') })
    await expect(failing.url).rejects.toThrow('offline')
    expect(await cache.open('b', media(1)).url).toBe('blob:1')
  })
})
