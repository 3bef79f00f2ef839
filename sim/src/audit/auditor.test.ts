import { encodeFrame, FRAME_TYPE } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { SimProcess } from '../kernel/process.js'
import { B1, Scene } from './testing/scene.js'

describe('auditor', () => {
  it('breaks P8 when a nonce is accepted twice', () => {
    const scene = new Scene()
    scene.auditor.nonceAccepted('aa', 'login')
    scene.auditor.nonceAccepted('bb', 'login')
    expect(scene.broken).toBeUndefined()
    scene.auditor.nonceAccepted('aa', 'link')
    expect(scene.broken).toBe('P8')
  })

  it('breaks P7 when a text passes a node, the log, the broker or auth in the clear', () => {
    const clear = Buffer.from('.. §evg-7§ ..')
    const ways: ((scene: Scene) => void)[] = [
      (scene) => { scene.auditor.received(scene.node, 9, clear) },
      (scene) => { scene.auditor.sent(scene.node, 9, clear) },
      (scene) => { scene.auditor.copyStored(scene.say('§evg-1§').message.conversation, clear, scene.at(1), 1) },
      (scene) => { scene.auditor.published(scene.node, 'subject', clear, 1) },
      (scene) => { scene.auditor.seenByAuth(clear) },
    ]
    for (const way of ways) {
      const scene = new Scene()
      way(scene)
      expect(scene.broken).toBe('P7')
    }
  })

  it('breaks P5 when two nodes use one incarnation', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    const packet = Buffer.alloc(24)
    packet.writeUInt32BE(1, 4)
    scene.publish(said, scene.at(1))
    scene.auditor.published(scene.node, 'subject', packet, 2)
    expect(scene.broken).toBeUndefined()
    const other = new SimProcess({
      machine: 'n2', start: 1, scheduler: scene.run.scheduler, random: scene.run.random('n2'), startEpochMs: 0, faults: { wallAheadMs: 0, rate: 1 },
    })
    scene.auditor.published(other, 'subject', packet, 3)
    expect(scene.broken).toBe('P5')
  })

  it('takes sends only from sockets that were welcomed, and survives garbage', () => {
    const scene = new Scene()
    scene.auditor.received(scene.node, 2, encodeFrame(FRAME_TYPE.send, 1, scene.compose('§evg-1§').envelope))
    scene.auditor.received(scene.node, 1, encodeFrame(FRAME_TYPE.send, 1, new Uint8Array(90)))
    scene.auditor.received(scene.node, 1, new Uint8Array([1, 2, 3]))
    scene.auditor.sent(scene.node, 1, new Uint8Array(40).fill(255))
    expect(scene.run.violation).toBeUndefined()
  })

  it('takes a row that its own decoder refuses for a fault of the program', () => {
    const scene = new Scene()
    scene.auditor.committed('bob-1', [{ table: 'outbox', key: '1', value: new Uint8Array(3) }])
    expect(scene.broken).toBe('program')
  })

  it('costs microseconds', () => {
    const scene = new Scene()
    const before = process.cpuUsage()
    for (let index = 0; index < 300; index++) {
      const said = scene.say(`§evg-${index}§`)
      scene.deliver(said)
      scene.show(B1, said)
    }
    expect(scene.run.violation).toBeUndefined()
    // About a dozen observations each, the encoding of the rows included; a slow machine may take ten times as long, a busy one takes no more CPU.
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(3_000)
  })
})
