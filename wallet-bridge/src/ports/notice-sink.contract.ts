import { decodeAccountNotice, messageIdOf, noticeHeaderOf, parseAccountId, type AccountNoticeDraft, type MessageId } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NoticeSigner } from '../notices.js'
import type { NoticeSink } from './notice-sink.js'

/** A sink under test, and what lies in the log behind it. */
export interface NoticeSinkUnderTest {
  readonly sink: NoticeSink
  /** Bytes of the notices that are stored, as often as they are. */
  stored(): readonly Uint8Array[]
  /** From now on the log behind it does not answer; `false`: it does again. */
  fail(fails: boolean): void
  close(): Promise<void>
}

/** What every {@link NoticeSink} does. `setup` gets the public key that the other side is to know. */
export function describeNoticeSink(name: string, setup: (publicKey: Uint8Array) => Promise<NoticeSinkUnderTest>): void {
  describe(`NoticeSink: ${name}`, () => {
    const signer = new NoticeSigner(new Uint8Array(32).fill(1))
    let tested: NoticeSinkUnderTest
    beforeAll(async () => { tested = await setup(signer.publicKey) })
    afterAll(() => tested.close())

    const draft = (number: number): AccountNoticeDraft => ({
      v: 1, account: parseAccountId('a1'.repeat(16)), source: '5e'.repeat(16), number, atMs: Date.now(), kind: 'payment_received', asset: 'simulated/play', amount: '5', transfer: `u:${'b2'.repeat(16)}:${String(number)}`,
    })
    const ids = (): MessageId[] => tested.stored().map((bytes) => messageIdOf(noticeHeaderOf(decodeAccountNotice(bytes))))

    it('has stored the bytes when it resolves', async () => {
      const notice = signer.seal(draft(1))
      await tested.sink.append(notice)
      expect(tested.stored()).toContainEqual(notice)
    })

    it('takes a notice again, and it is the same message', async () => {
      const notice = signer.seal(draft(2))
      await tested.sink.append(notice)
      await tested.sink.append(notice)
      expect(new Set(ids().slice(1)).size).toBe(1)
    })

    it('refuses what another key signed, and what is no notice', async () => {
      const before = tested.stored().length
      await expect(tested.sink.append(new NoticeSigner(new Uint8Array(32).fill(2)).seal(draft(3)))).rejects.toMatchObject({ code: 'denied.notices' })
      await expect(tested.sink.append(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: expect.stringMatching(/^invalid\./) as string })
      expect(tested.stored().length).toBe(before)
    })

    it('rejects while the log does not answer, and stores it when it does', async () => {
      const notice = signer.seal(draft(4))
      tested.fail(true)
      await expect(tested.sink.append(notice)).rejects.toMatchObject({ code: expect.stringMatching(/^unavailable\./) as string })
      tested.fail(false)
      await tested.sink.append(notice)
      expect(tested.stored().map(decodeAccountNotice).map(({ number }) => number)).toContain(4)
    })
  })
}
