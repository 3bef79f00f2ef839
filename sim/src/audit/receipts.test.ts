import { describe, expect, it } from 'vitest'
import { encodeCbor, type CborValue } from '@evegram/protocol'
import type { StoreChange } from '@evegram/sdk'
import { A1, ALICE, B1, BOB, CHAT, Scene, type Said } from './testing/scene.js'

/** What alice-1 believes of Bob about its own chain. */
const receipt = (received: readonly CborValue[], read: readonly CborValue[]): StoreChange =>
  ({ table: 'chains', key: `t/${CHAT}/${A1}/00000001/${BOB}`, value: encodeCbor({ received, read }) })

/** A message of alice-1 that is stored and that bob-1 shows. */
function shown(scene: Scene): Said {
  const said = scene.say('§evg-1§')
  scene.store(said, scene.at(5))
  scene.show(B1, said)
  return said
}

describe('receipts', () => {
  it('are true where a device has the message and its person marked it as read', () => {
    const scene = new Scene()
    const { message } = shown(scene)
    scene.auditor.committed('alice-1', [receipt([1], [0])])
    scene.auditor.reading(BOB, CHAT, message.order)
    scene.auditor.committed('alice-1', [receipt([1], [1])])
    expect([scene.run.violation, scene.run.coverage.of('audit/receipt received'), scene.run.coverage.of('audit/receipt read')]).toEqual([undefined, 1, 1])
  })

  it('break P4 when no device of that account has the message, or nobody there read it', () => {
    const early = new Scene()
    const said = early.say('§evg-1§')
    early.store(said, early.at(5))
    early.auditor.committed('alice-1', [receipt([1], [0])])
    expect(early.broken).toBe('P4')
    const unread = new Scene()
    shown(unread)
    unread.auditor.committed('alice-1', [receipt([1], [1])])
    expect(unread.broken).toBe('P4')
    const beyond = new Scene()
    const { message } = shown(beyond)
    beyond.auditor.reading(BOB, CHAT, message.order - 1n)
    beyond.auditor.committed('alice-1', [receipt([1], [1])])
    expect(beyond.broken).toBe('P4')
  })

  it('say nothing of numbers that they leave out', () => {
    const scene = new Scene()
    scene.say('§evg-1§')
    const second = scene.say('§evg-2§')
    scene.store(second, scene.at(5))
    scene.show(B1, second)
    scene.auditor.committed('alice-1', [receipt([2, 1, 1], [0])])
    expect(scene.broken).toBeUndefined()
    scene.auditor.committed('alice-1', [receipt([2], [0])])
    expect(scene.broken).toBe('P4')
  })

  it('break P4 when they come of somebody who tells nobody, or who has not accepted the other side', () => {
    for (const habits of [{ silent: true, asks: false }, { silent: false, asks: true }]) {
      const scene = new Scene()
      scene.auditor.habits(BOB, habits)
      shown(scene)
      scene.auditor.committed('alice-1', [receipt([1], [0])])
      expect(scene.broken).toBe('P4')
    }
    const accepted = new Scene()
    accepted.auditor.habits(BOB, { silent: false, asks: true })
    shown(accepted)
    accepted.auditor.committed('bob-1', [{ table: 'state', key: `r/contact.relation/${ALICE}`, value: new Uint8Array(1) }])
    accepted.auditor.committed('alice-1', [receipt([1], [0])])
    expect(accepted.broken).toBeUndefined()
  })
})
