import { sleep } from '@evegram/protocol'
import { ManualClock, systemClock } from '@evegram/platform'
import { describe, expect, it } from 'vitest'
import { ReplayCache } from './replay-cache.js'
import { SerialByKey } from './serial-by-key.js'

describe('SerialByKey', () => {
  it('runs one work per key at a time, in order, and keys beside each other', async () => {
    const serial = new SerialByKey({ total: 10, perKey: 10 })
    const events: string[] = []
    const work = (name: string, ms: number) => async (): Promise<string> => {
      events.push(`${name} begins`)
      await sleep(systemClock(), ms)
      events.push(`${name} ends`)
      return name
    }
    const results = await Promise.all([serial.run('a', work('a1', 30)), serial.run('a', work('a2', 1)), serial.run('b', work('b1', 5))])
    expect(results).toEqual(['a1', 'a2', 'b1'])
    expect(events).toEqual(['a1 begins', 'b1 begins', 'b1 ends', 'a1 ends', 'a2 begins', 'a2 ends'])
  })

  it('runs work of several keys behind all that was before it in any of them, without waiting in a circle', async () => {
    const serial = new SerialByKey({ total: 10, perKey: 10 })
    const events: string[] = []
    const work = (name: string) => async (waited: boolean): Promise<void> => {
      events.push(`${name} begins${waited ? ' behind others' : ''}`)
      await sleep(systemClock(), 5)
      events.push(`${name} ends`)
    }
    await Promise.all([serial.run(['a', 'b', 'a'], work('ab')), serial.run(['b', 'a'], work('ba')), serial.run('c', work('c')), serial.run('b', work('b'))])
    expect(events.filter((event) => !event.startsWith('c'))).toEqual(
      ['ab begins', 'ab ends', 'ba begins behind others', 'ba ends', 'b begins behind others', 'b ends'],
    )
    expect(events.indexOf('c begins')).toBe(1)
  })

  it('goes on behind a failure, and refuses work beyond its bounds until some has ended', async () => {
    const serial = new SerialByKey({ total: 3, perKey: 2 })
    const results = await Promise.allSettled([
      serial.run('a', () => Promise.reject(new Error('planted'))),
      serial.run('a', () => Promise.resolve('behind the failure')),
      serial.run('a', () => Promise.resolve('third of a key')),
      serial.run('b', () => Promise.resolve('beside it')),
      serial.run('c', () => Promise.resolve('fourth of all')),
    ])
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason)))).toEqual([
      'Error: planted', 'behind the failure', expect.stringContaining('limited.rate'), 'beside it', expect.stringContaining('limited.rate'),
    ])
    expect(await serial.run('a', () => Promise.resolve('again'))).toBe('again')
  })
})

describe('ReplayCache', () => {
  it('lets a name through once while it is remembered', () => {
    const clock = new ManualClock()
    const cache = new ReplayCache(clock, { keepMs: 100, namesMax: 10 })
    expect([cache.use('a'), cache.use('a'), cache.use('b')]).toEqual([true, false, true])
    clock.advance(99)
    expect(cache.use('a')).toBe(false)
    clock.advance(1)
    expect(cache.use('a')).toBe(true)
    expect(cache.size).toBe(1)
  })

  it('refuses rather than forget when it is full', () => {
    const clock = new ManualClock()
    const cache = new ReplayCache(clock, { keepMs: 100, namesMax: 2 })
    cache.use('a')
    cache.use('b')
    expect(() => cache.use('c')).toThrow('limited.queue')
    expect(cache.use('a')).toBe(false)
    clock.advance(100)
    expect(cache.use('c')).toBe(true)
  })
})
