import { describe, expect, it } from 'vitest'
import { EvegramError, type ErrorCode } from '@evegram/protocol'
import { FakeServer } from '../sync/testing/fake-server.js'
import { VirtualClock } from '../sync/testing/virtual-clock.js'
import { DeviceSession } from './device-session.js'
import type { DeviceSigner } from './device-signer.js'
import { ServerClock } from './server-clock.js'

/** A session whose first attempts to open meet `answers`; counts the attempts. */
function sessionWith(answers: readonly ErrorCode[]): { readonly session: DeviceSession; readonly attempts: () => number } {
  const clock = new VirtualClock()
  const api = new FakeServer(clock).api()
  let attempts = 0
  const session = new DeviceSession({
    api: {
      ...api,
      openSession: (signer) => {
        const answer = answers[attempts++]
        return answer === undefined ? api.openSession(signer) : Promise.reject(new EvegramError(answer, { operation: 'open session' }))
      },
    },
    // Nothing is signed here.
    signer: {} as DeviceSigner,
    serverClock: new ServerClock(clock),
    save: () => Promise.resolve(),
  })
  return { session, attempts: () => attempts }
}

describe('opening a session', () => {
  it.each<ErrorCode>(['proof.replayed', 'proof.nonce', 'proof.expired'])('signs another challenge when the first was spent on the way: %s', async (code) => {
    const { session, attempts } = sessionWith([code])
    await expect(session.accessToken()).resolves.toBe('a')
    expect(attempts()).toBe(2)
  })

  it('takes a refusal of the device as it is, and does not go on for ever', async () => {
    const revoked = sessionWith(['account.device_revoked'])
    await expect(revoked.session.accessToken()).rejects.toMatchObject({ code: 'account.device_revoked' })
    expect(revoked.attempts()).toBe(1)
    const spent = sessionWith(['proof.replayed', 'proof.replayed'])
    await expect(spent.session.accessToken()).rejects.toMatchObject({ code: 'proof.replayed' })
  })
})
