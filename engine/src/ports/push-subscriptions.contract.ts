import { LIMITS } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PushSubscription, PushSubscriptions } from './push-subscriptions.js'
import { sampleAccount, sampleDevice } from './sample-envelope.contract.js'

/** Subscriptions under test. */
export interface PushSubscriptionsSubject {
  readonly subscriptions: PushSubscriptions
  /** Wall time of the store, in ms since 1970. */
  readonly nowMs: () => number
  /** Opens the same store anew; absent where it forgets (gap `reopen`). */
  readonly reopen?: () => Promise<PushSubscriptions>
  close(): Promise<void>
}

/** The promises of {@link PushSubscriptions}, run by every adapter. `setup` gives an empty store. */
export function describePushSubscriptions(adapter: { readonly name: string; readonly gaps?: readonly 'reopen'[]; readonly setup: () => Promise<PushSubscriptionsSubject> }): void {
  describe(`PushSubscriptions: ${adapter.name}`, () => {
    let subject: PushSubscriptionsSubject
    let subscriptions: PushSubscriptions
    beforeEach(async () => {
      subject = await adapter.setup()
      subscriptions = subject.subscriptions
    })
    afterEach(async () => {
      await subject.close()
    })
    const subscription = (number: number, fields: Partial<PushSubscription> = {}): PushSubscription => ({
      account: sampleAccount(number), device: sampleDevice(number), endpoint: `https://push.example/one/${String(number)}`, renewedAtMs: Math.floor(subject.nowMs()), ...fields,
    })
    const endpoints = async (...numbers: readonly number[]): Promise<string[]> =>
      (await subscriptions.read(numbers.map(sampleDevice))).map(({ endpoint }) => endpoint).sort()

    it('gives what was stored for the named devices, and nothing for others', async () => {
      const stored = [subscription(1), subscription(2)]
      for (const one of stored) await subscriptions.put(one)
      expect([...await subscriptions.read([sampleDevice(2), sampleDevice(9), sampleDevice(1)])].sort((one, other) => (one.device < other.device ? -1 : 1))).toEqual(stored)
      expect([await subscriptions.read([sampleDevice(3)]), await subscriptions.read([])]).toEqual([[], []])
    })

    it('keeps one for each device: the newest', async () => {
      await subscriptions.put(subscription(1))
      await subscriptions.put(subscription(1, { endpoint: 'https://push.example/two' }))
      expect(await endpoints(1)).toEqual(['https://push.example/two'])
    })

    it('keeps an endpoint of the greatest length as it is', async () => {
      const endpoint = `https://push.example/${'x'.repeat(LIMITS.pushEndpointCharactersMax)}`.slice(0, LIMITS.pushEndpointCharactersMax)
      await subscriptions.put(subscription(1, { endpoint }))
      expect(await endpoints(1)).toEqual([endpoint])
    })

    it('removes that of a device, and again without harm', async () => {
      await subscriptions.put(subscription(1))
      await subscriptions.put(subscription(2))
      await subscriptions.remove(sampleDevice(1))
      await subscriptions.remove(sampleDevice(1))
      expect(await endpoints(1, 2)).toEqual(['https://push.example/one/2'])
    })

    it('removes one that ended and leaves the newer one of its device', async () => {
      await subscriptions.put(subscription(1, { endpoint: 'https://push.example/new' }))
      await subscriptions.remove(sampleDevice(1), 'https://push.example/old')
      expect(await endpoints(1)).toEqual(['https://push.example/new'])
      await subscriptions.remove(sampleDevice(1), 'https://push.example/new')
      expect(await endpoints(1)).toEqual([])
    })

    it('leaves the newer one also when both come at once', async () => {
      await subscriptions.put(subscription(1, { endpoint: 'https://push.example/old' }))
      await Promise.all([subscriptions.put(subscription(1, { endpoint: 'https://push.example/new' })), subscriptions.remove(sampleDevice(1), 'https://push.example/old')])
      expect(await endpoints(1)).toEqual(['https://push.example/new'])
    })

    it('does not give one that was not renewed for its time', async () => {
      await subscriptions.put(subscription(1, { renewedAtMs: Math.floor(subject.nowMs()) - LIMITS.pushSubscriptionMs - 60_000 }))
      await subscriptions.put(subscription(2, { renewedAtMs: Math.floor(subject.nowMs()) - LIMITS.pushSubscriptionMs + 60_000 }))
      expect(await endpoints(1, 2)).toEqual(['https://push.example/one/2'])
    })

    it.skipIf(adapter.gaps?.includes('reopen') === true)('still has it when the store is opened anew', async () => {
      await subscriptions.put(subscription(1))
      if (subject.reopen === undefined) throw new Error('an adapter without the gap can be opened anew')
      subscriptions = await subject.reopen()
      expect(await endpoints(1)).toEqual(['https://push.example/one/1'])
    })
  })
}
