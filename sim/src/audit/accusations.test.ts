import { EvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { A1, ALICE, B1, CHAT, chainRow, handledRow, Scene } from './testing/scene.js'

const gap = (reason: 'withheld' | 'before_you_joined') => ({ conversation: CHAT, account: ALICE, device: A1, epoch: 1, from: 1, to: 1, reason })

describe('accusations of an honest server', () => {
  it('break P4 where the device could have read what it calls withheld', () => {
    for (const [bodies, broken] of [[[B1], 'P4'], [[], undefined]] as const) {
      const scene = new Scene()
      scene.store(scene.say('§evg-1§', { bodies }), scene.at(5))
      scene.auditor.told('bob-1', 'gap', gap('withheld'))
      expect(scene.broken).toBe(broken)
    }
  })

  it('may name what came before a device joined, or what it has', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    scene.deliver(said)
    scene.auditor.told('bob-1', 'gap', gap('before_you_joined'))
    scene.show(B1, said)
    scene.auditor.told('bob-1', 'gap', gap('withheld'))
    expect(scene.run.violation).toBeUndefined()
  })

  it('break P4 for codes that name a culprit', () => {
    for (const code of ['e2ee.chain_broken', 'e2ee.envelope_mismatch', 'e2ee.bad_mac', 'e2ee.bundle_invalid', 'invalid.payload'] as const) {
      const scene = new Scene()
      scene.auditor.told('bob-1', 'security', { code, count: 1 })
      expect(scene.broken).toBe('P4')
      const lying = new Scene({ malicious: true })
      lying.auditor.told('bob-1', 'security', { code, count: 1 })
      expect(lying.broken).toBeUndefined()
    }
    const scene = new Scene()
    scene.auditor.told('bob-1', 'security', { code: 'e2ee.untrusted_identity', count: 1 })
    expect(scene.broken).toBeUndefined()
    scene.auditor.told('bob-1', 'security', { code: 'e2ee.resend_refused', detail: 'signature', count: 1 })
    expect(scene.broken).toBe('P4')
  })

  it('break P2 at the end for a message that was replayed before it was handled', () => {
    for (const isHandled of [true, false]) {
      const scene = new Scene()
      const { messageId } = scene.say('§evg-1§').message
      scene.auditor.told('bob-1', 'security', { code: 'e2ee.replayed', count: 1, messageId })
      if (isHandled) scene.auditor.committed('bob-1', [handledRow(messageId, 1)])
      scene.auditor.finish()
      expect(scene.broken).toBe(isHandled ? undefined : 'P2')
    }
  })

  it('break P4 for an alarm, unless the server could not be asked', () => {
    for (const [cause, broken] of [[undefined, 'P4'], [new EvegramError('timeout'), undefined]] as const) {
      const scene = new Scene()
      const error = new EvegramError('account.log_withheld', cause === undefined ? {} : { cause })
      scene.auditor.told('bob-1', 'account-alarm', { account: ALICE, code: error.code, error })
      expect(scene.broken).toBe(broken)
    }
  })

  it('break P5 for a discontinuity within the retention', () => {
    const scene = new Scene()
    scene.auditor.told('bob-1', 'gap', { sinceMs: scene.nowMs - 1_000, untilMs: scene.nowMs, reason: 'expired' })
    expect(scene.broken).toBe('P5')
  })

  it('are faults of the program when it failed inside', () => {
    const scene = new Scene()
    scene.auditor.told('bob-1', 'fault', { operation: 'heal', error: new EvegramError('internal') })
    expect(scene.broken).toBeUndefined()
    scene.auditor.told('bob-1', 'fault', { operation: 'heal', error: new EvegramError('internal', { cause: new TypeError('x') }) })
    expect(scene.broken).toBe('program')
  })
})

describe('a lying server', () => {
  const chain = (gaps: Parameters<typeof chainRow>[2]) => ({ ...chainRow(A1, 2, gaps), key: `r/${CHAT}/${A1}/00000001` })

  it('breaks P4 when a number before the newest shown one is neither shown nor named', () => {
    const cases = [
      [[], undefined, 'P4'], [[{ from: 1, to: 1, reason: 3 }], undefined, undefined], [[], 'u', undefined], [[], 'told', undefined],
    ] as const
    for (const [gaps, how, broken] of cases) {
      const scene = new Scene({ malicious: true })
      const [one, two] = [scene.say('§evg-1§'), scene.say('§evg-2§')]
      scene.deliver(one)
      scene.deliver(two)
      scene.show(B1, two)
      scene.auditor.committed('bob-1', [chain(gaps)])
      if (how === 'u') scene.auditor.committed('bob-1', [{ table: 'healing', key: `u/${one.message.messageId}`, value: new Uint8Array(1) }])
      if (how === 'told') scene.auditor.told('bob-1', 'gap', gap('withheld'))
      scene.auditor.finish()
      expect(scene.broken).toBe(broken)
    }
  })

  it('may withhold a tail that nobody knows of', () => {
    const scene = new Scene({ malicious: true })
    const [one, two] = [scene.say('§evg-1§'), scene.say('§evg-2§')]
    scene.deliver(one)
    scene.deliver(two)
    scene.show(B1, one)
    scene.auditor.finish()
    expect(scene.run.violation).toBeUndefined()
  })
})
