import { describe, expect, it } from 'vitest'
import { B1, messageRow, Scene } from './testing/scene.js'

describe('order', () => {
  it('rises with the number and stands above what was shown', () => {
    const scene = new Scene()
    const one = scene.say('§evg-1§')
    scene.say('§evg-2§', { above: one.message.order })
    scene.show(B1, one)
    expect(scene.run.violation).toBeUndefined()
    expect(scene.run.coverage.of('audit/order above what was shown')).toBe(1)
  })

  it('breaks P3 when it does not', () => {
    const below = new Scene()
    below.say('§evg-1§', { order: 7n, above: 7n })
    expect(below.broken).toBe('P3')
    const falling = new Scene()
    falling.say('§evg-1§', { order: 7n })
    falling.say('§evg-2§', { order: 7n })
    expect(falling.broken).toBe('P3')
    const other = new Scene()
    const said = other.say('§evg-1§')
    other.show(B1, { ...said, message: { ...said.message, order: said.message.order + 1n } })
    expect(other.broken).toBe('P3')
  })

  it('may change while nothing is stored, and never after', () => {
    for (const isStored of [false, true]) {
      const scene = new Scene()
      const said = scene.say('§evg-1§')
      if (isStored) scene.store(said, scene.at(5))
      scene.auditor.committed('alice-1', [messageRow({ ...said.message, order: said.message.order - 1n })])
      expect(scene.broken).toBe(isStored ? 'P3' : undefined)
    }
  })

  it('breaks P3 when two copies disagree', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    scene.store(said, scene.at(5))
    scene.store(new Scene().compose('§evg-1§', { order: 5n }), scene.at(6))
    expect(scene.broken).toBe('P3')
  })
})
