import { describe, expect, it } from 'vitest'
import type { PromiseName } from '../kernel/run.js'
import { B1, C1, CHAT, Scene, type Said } from './testing/scene.js'

describe('messages', () => {
  it('are shown once, as they were said', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    scene.show(B1, said)
    scene.auditor.told('bob-1', 'message', said.message)
    expect(scene.run.violation).toBeUndefined()
    expect(scene.run.coverage.of('audit/shown')).toBe(2)
  })

  const change = (said: Said, other: Partial<Said['message']>): Said => ({ ...said, message: { ...said.message, ...other } })
  const breaches: Readonly<Record<string, readonly [PromiseName, (scene: Scene, said: Said) => void]>> = {
    'twice': ['P2', (scene, said) => { scene.show(B1, said); scene.show(B1, said) }],
    'with another text': ['P2', (scene, said) => { scene.show(B1, change(said, { text: 'other' })) }],
    'under another address': ['P7', (scene, said) => { scene.show(B1, change(said, { from: 'somebody' })) }],
    'to a third person': ['P7', (scene, said) => { scene.show(C1, said) }],
    'that nobody said': ['P7', (scene) => { scene.show(B1, scene.compose('§evg-2§')) }],
    'without the handled row': ['P2', (scene, said) => {
      scene.auditor.committed('bob-1', scene.shownRows(B1, said).filter(({ table }) => table !== 'handled'))
    }],
    'without the ratchet step': ['P2', (scene, said) => {
      scene.auditor.committed('bob-1', scene.shownRows(B1, said).filter(({ table }) => table !== 'sessions'))
    }],
    'without the chain': ['P2', (scene, said) => {
      scene.auditor.committed('bob-1', scene.shownRows(B1, said).filter(({ table }) => table !== 'chains'))
    }],
    'told before it is durable': ['P2', (scene, said) => { scene.auditor.told('bob-1', 'message', said.message) }],
    'told twice': ['P2', (scene, said) => {
      scene.auditor.told('alice-1', 'message', said.message)
      scene.auditor.told('alice-1', 'message', said.message)
    }],
    'said and not durable': ['P1', (scene) => { scene.auditor.said('alice-1', scene.compose('§evg-2§').message) }],
    'own, without its outbox row': ['P2', (scene) => {
      scene.auditor.saying('alice-1', CHAT, '§evg-2§', 0n)
      scene.auditor.committed('alice-1', scene.ownRows(scene.compose('§evg-2§')).filter(({ table }) => table !== 'outbox'))
    }],
    'own, and nobody asked for it': ['P2', (scene) => { scene.auditor.committed('alice-1', scene.ownRows(scene.compose('§evg-2§'))) }],
    'taken for sent and not stored': ['P1', (scene, said) => { scene.sent(said) }],
  }
  for (const [name, [promise, breach]] of Object.entries(breaches)) {
    it(`break ${promise}: ${name}`, () => {
      const scene = new Scene()
      const said = scene.say('§evg-1§')
      expect(scene.run.violation).toBeUndefined()
      breach(scene, said)
      expect(scene.broken).toBe(promise)
    })
  }
})
