import type { PushAnswer } from '@evegram/platform/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PushSender } from './push-sender.js'

/** A sender under test with a push service that does what it is told. */
export interface PushSenderSubject {
  readonly sender: PushSender
  /** An endpoint at the push service of the test. */
  endpoint(name: string): string
  /** What the push service does from now on. */
  answer(answer: PushAnswer): void
  /** Names of the endpoints that got a push, in order. */
  pushed(): readonly string[]
  close(): Promise<void>
}

/** The promises of {@link PushSender}, run by every adapter. */
export function describePushSender(adapter: { readonly name: string; readonly setup: () => Promise<PushSenderSubject> }): void {
  describe(`PushSender: ${adapter.name}`, () => {
    let subject: PushSenderSubject
    beforeEach(async () => {
      subject = await adapter.setup()
    })
    afterEach(async () => {
      await subject.close()
    })
    const send = (name = 'one'): Promise<unknown> => subject.sender.send(subject.endpoint(name))

    it('sends one push to each endpoint that it is told', async () => {
      subject.answer({ status: 201 })
      expect(await send('one')).toEqual({ status: 'accepted' })
      expect(await send('two')).toEqual({ status: 'accepted' })
      expect(subject.pushed()).toEqual(['one', 'two'])
    })

    it('knows its push services by name, and sends nothing anywhere else', async () => {
      subject.answer({ status: 201 })
      expect(subject.sender.accepts(subject.endpoint('one'))?.endpoint).toBe(subject.endpoint('one'))
      expect(subject.sender.accepts(subject.endpoint('one'))?.service).toBe(subject.sender.accepts(subject.endpoint('two'))?.service)
      for (const other of ['https://elsewhere.example/one', 'ftp://127.0.0.1/one', 'one', '']) {
        expect(subject.sender.accepts(other)).toBeUndefined()
        expect(await subject.sender.send(other)).toMatchObject({ status: 'refused' })
      }
      expect(subject.pushed()).toEqual([])
    })

    it.each([404, 410])('says that a subscription has ended: %d', async (status) => {
      subject.answer({ status })
      expect(await send()).toEqual({ status: 'gone' })
    })

    it.each([429, 500, 502, 503])('says that it may work later: %d', async (status) => {
      subject.answer({ status })
      expect(await send()).toEqual({ status: 'later' })
    })

    it.each([400, 401, 403, 413, 301, 302, 307])('says that the same would fail again, and goes nowhere else: %d', async (status) => {
      subject.answer({ status, headers: { location: subject.endpoint('elsewhere') } })
      expect(await send()).toMatchObject({ status: 'refused' })
      expect(subject.pushed()).toEqual(['one'])
    })

    it('hands on how long the push service asks to wait, within bounds', async () => {
      subject.answer({ status: 429, headers: { 'retry-after': '7' } })
      expect(await send()).toEqual({ status: 'later', afterMs: 7_000 })
      subject.answer({ status: 503, headers: { 'retry-after': '999999' } })
      expect(await send()).toEqual({ status: 'later', afterMs: 60_000 })
      subject.answer({ status: 503, headers: { 'retry-after': 'soon' } })
      expect(await send()).toEqual({ status: 'later' })
    })

    it.each(['silence', 'hang up'] as const)('gives up after its time: %s', async (answer) => {
      subject.answer(answer)
      expect(await send()).toEqual({ status: 'later' })
    })
  })
}
