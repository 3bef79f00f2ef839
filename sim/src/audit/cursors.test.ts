import { describe, expect, it } from 'vitest'
import { A1, ALICE, B1, BOB, handledRow, Scene, stateOf } from './testing/scene.js'

describe('cursors', () => {
  it('may pass what is handled or waits to be read', () => {
    const scene = new Scene()
    const [one, two] = [scene.say('§evg-1§'), scene.say('§evg-2§')]
    scene.deliver(one)
    scene.deliver(two)
    scene.show(B1, one)
    scene.auditor.committed('bob-1', [{ table: 'healing', key: `u/${two.message.messageId}`, value: new Uint8Array(1) }])
    scene.cursor(B1, scene.nowMs + 1)
    expect(scene.run.violation).toBeUndefined()
    expect(scene.run.coverage.of('audit/cursor owes')).toBe(2)
  })

  it('break P5 when they pass an acknowledged message, or one is acknowledged below them, or go back', () => {
    const passed = new Scene()
    passed.deliver(passed.say('§evg-1§'))
    passed.cursor(B1, passed.nowMs - 1)
    expect(passed.broken).toBeUndefined()
    passed.cursor(B1, passed.nowMs)
    expect(passed.broken).toBe('P5')
    const below = new Scene()
    below.cursor(B1, below.nowMs)
    below.deliver(below.say('§evg-1§'), below.at(below.nowMs - 5))
    expect(below.broken).toBe('P5')
    const back = new Scene()
    back.cursor(B1, 10)
    back.cursor(B1, 9)
    expect(back.broken).toBe('P5')
  })

  it('break P2 when the message was refused as replayed before it was ever handled', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    scene.deliver(said)
    scene.auditor.told('bob-1', 'security', { code: 'e2ee.replayed', count: 1, messageId: said.message.messageId })
    scene.cursor(B1, scene.nowMs)
    expect(scene.broken).toBe('P2')
  })

  it('owe nothing to a lost disk, to a revoked device, and of a device that was revoked since', () => {
    const gone: ((scene: Scene) => void)[] = [
      (scene) => { scene.auditor.diskLost('bob-1') },
      (scene) => { scene.auditor.entryStored(stateOf(BOB, 2, { [B1]: false })) },
      (scene) => { scene.auditor.entryStored(stateOf(ALICE, 2, { [A1]: false })) },
    ]
    for (const go of gone) {
      const scene = new Scene()
      scene.deliver(scene.say('§evg-1§'))
      go(scene)
      scene.cursor(B1, scene.nowMs)
      expect(scene.run.violation).toBeUndefined()
    }
  })

  it('prove nothing with a lying server', () => {
    const scene = new Scene({ malicious: true })
    scene.deliver(scene.say('§evg-1§'))
    scene.cursor(B1, scene.nowMs)
    expect(scene.run.violation).toBeUndefined()
  })

  it('are freed by the row of the message alone', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    scene.deliver(said)
    scene.auditor.committed('bob-1', [handledRow(said.message.messageId, 2)])
    scene.cursor(B1, scene.nowMs)
    expect(scene.run.violation).toBeUndefined()
  })
})
