import { createInternalHttp, InternalClient, ManualClock, ServiceTokens, ServiceVerifier, silentLogger, systemClock, systemRandom, type HttpServer } from '@evegram/platform'
import type { Clock } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { STORE_TIME_EVERY_MS, StoreTime } from './store-time.js'

const SEED = new Uint8Array(32).fill(1)
const WRONG_BY_MS = 30_000

/** The clock of a machine whose wall clock somebody set wrong. */
function wrongClock(byMs: () => number): Clock {
  const real = systemClock()
  return { now: () => real.now() + byMs(), monotonicMs: () => real.monotonicMs(), after: (...plan) => real.after(...plan), every: (...plan) => real.every(...plan) }
}

describe('the time of the store', () => {
  let manual: ManualClock
  let storeAheadMs: number
  let answers: (() => Promise<number>)[]
  let time: StoreTime
  const ask = (): Promise<number> => (answers.shift() ?? (async () => manual.monotonicMs() + storeAheadMs))()
  beforeEach(() => {
    manual = new ManualClock()
    storeAheadMs = manual.now() - manual.monotonicMs()
    answers = []
    time = new StoreTime({ clock: manual, log: silentLogger })
  })

  it('is that of the wall clock until the store answered, and is not moved by it afterwards', async () => {
    manual.stepWall(WRONG_BY_MS)
    expect(time.now()).toBe(manual.now())
    await time.follow(ask)
    expect(time.now()).toBe(manual.now() - WRONG_BY_MS)
    manual.stepWall(-2 * WRONG_BY_MS)
    manual.advance(1_000)
    expect(time.now()).toBe(manual.now() + WRONG_BY_MS)
  })

  it('goes on by the monotonic clock while the store is away, and follows it again', async () => {
    const stop = await time.follow(ask)
    answers = [() => Promise.reject(new Error('away'))]
    const atMs = time.now()
    manual.advance(STORE_TIME_EVERY_MS)
    await new Promise((resolve) => { setImmediate(resolve) })
    expect(time.now()).toBe(atMs + STORE_TIME_EVERY_MS)
    storeAheadMs += 700
    manual.advance(STORE_TIME_EVERY_MS)
    await new Promise((resolve) => { setImmediate(resolve) })
    expect(time.now()).toBe(atMs + 2 * STORE_TIME_EVERY_MS + 700)
    stop()
  })
})

describe('calls of a node whose wall clock is wrong', () => {
  let auth: HttpServer
  let url: string
  const closing: (() => void)[] = []
  beforeEach(async () => {
    const keys = new Map([['engine', new ServiceTokens({ name: 'engine', seed: SEED, clock: systemClock() }).publicKey]])
    auth = createInternalHttp({
      log: silentLogger, clock: systemClock(), random: systemRandom(), api: { who: { path: '/who', callers: ['engine'] } }, verifier: new ServiceVerifier({ name: 'auth', keys, clock: systemClock() }),
    })
    auth.get('/who', async () => ({ name: 'auth' }))
    url = await auth.listen({ host: '127.0.0.1', port: 0 })
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) close()
    await auth.close()
  })

  const callBy = async (clock: Clock, time: Pick<Clock, 'now'>): Promise<unknown> => {
    const tokens = new ServiceTokens({ name: 'engine', seed: SEED, clock: time })
    const client = new InternalClient({ service: 'auth', urls: [url], tokens, clock, log: silentLogger, unavailable: 'unavailable.auth', passes: (code) => code === 'auth.service' })
    closing.push(() => { client.close() })
    return client.ask({ method: 'GET', path: '/who', answer: z.object({ name: z.string() }) })
  }

  it.each([['ahead', WRONG_BY_MS], ['behind', -5 * WRONG_BY_MS]])('are answered by the time of the store, and refused by a wall clock that is %s', async (_, byMs) => {
    let wrongByMs = 0
    const clock = wrongClock(() => wrongByMs)
    const time = new StoreTime({ clock, log: silentLogger })
    closing.push(await time.follow(async () => Date.now()))
    wrongByMs = byMs
    await expect(callBy(clock, clock)).rejects.toMatchObject({ code: 'auth.service' })
    expect(await callBy(clock, time)).toEqual({ name: 'auth' })
  })

  it('are answered when it started by that clock', async () => {
    const clock = wrongClock(() => WRONG_BY_MS)
    const time = new StoreTime({ clock, log: silentLogger })
    closing.push(await time.follow(async () => Date.now()))
    expect(await callBy(clock, time)).toEqual({ name: 'auth' })
  })
})
