import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PushClaims } from './push-claims.js'
import { sampleDevice } from './sample-envelope.contract.js'

/** Claims under test. */
export interface PushClaimsSubject {
  readonly claims: PushClaims
  /** Lets time pass: on a test clock at once, on a real store by waiting. */
  advance(ms: number): Promise<void>
  close(): Promise<void>
}

const SHORT_MS = 400
const LONG_MS = 60_000

/** The promises of {@link PushClaims}, run by every adapter. `setup` gives an empty store. */
export function describePushClaims(adapter: { readonly name: string; readonly setup: () => Promise<PushClaimsSubject> }): void {
  describe(`PushClaims: ${adapter.name}`, () => {
    const [phone, laptop] = [sampleDevice(1), sampleDevice(2)]
    let subject: PushClaimsSubject
    let claims: PushClaims
    beforeEach(async () => {
      subject = await adapter.setup()
      claims = subject.claims
    })
    afterEach(async () => {
      await subject.close()
    })

    it('gives a device to one of all who claim it at once', async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => claims.claim(phone, LONG_MS)))
      expect(answers.filter(({ status }) => status === 'claimed')).toHaveLength(1)
      expect(answers.filter(({ status }) => status === 'taken')).toHaveLength(7)
      expect(await claims.claim(laptop, LONG_MS)).toEqual({ status: 'claimed' })
    })

    it('gives it again when who claimed it said nothing for the lease', async () => {
      await claims.claim(phone, SHORT_MS)
      await subject.advance(SHORT_MS + 100)
      expect(await claims.claim(phone, LONG_MS)).toEqual({ status: 'claimed' })
    })

    it('does not give a device that was woken, for the time of the wake', async () => {
      await claims.claim(phone, SHORT_MS)
      await claims.woken(phone, SHORT_MS * 3)
      await subject.advance(SHORT_MS + 100)
      expect(await claims.claim(phone, LONG_MS)).toEqual({ status: 'taken' })
      await subject.advance(SHORT_MS * 2 + 100)
      expect(await claims.claim(phone, LONG_MS)).toEqual({ status: 'claimed' })
    })

    it('lets a device rest once it connected, then gives it again', async () => {
      await claims.claim(phone, LONG_MS)
      await claims.woken(phone, LONG_MS)
      await claims.rest(phone, SHORT_MS)
      const answer = await claims.claim(phone, LONG_MS)
      if (answer.status !== 'resting') throw new Error(`it is ${answer.status}`)
      expect(answer.forMs).toBeGreaterThan(0)
      expect(answer.forMs).toBeLessThanOrEqual(SHORT_MS)
      await subject.advance(SHORT_MS + 100)
      expect(await claims.claim(phone, LONG_MS)).toEqual({ status: 'claimed' })
    })

    it('does not count a wake whose device connected while it was on its way', async () => {
      await claims.claim(phone, LONG_MS)
      await claims.rest(phone, SHORT_MS)
      await claims.woken(phone, LONG_MS)
      await subject.advance(SHORT_MS + 100)
      await claims.woken(phone, LONG_MS)
      expect(await claims.claim(phone, LONG_MS)).toEqual({ status: 'claimed' })
    })

    it('lets nothing rest that was not woken, and no rest grow longer', async () => {
      await claims.rest(phone, LONG_MS)
      expect(await claims.claim(phone, LONG_MS)).toEqual({ status: 'claimed' })
      await claims.rest(phone, SHORT_MS)
      await claims.rest(phone, LONG_MS)
      await subject.advance(SHORT_MS + 100)
      expect(await claims.claim(phone, LONG_MS)).toEqual({ status: 'claimed' })
    })
  })
}
