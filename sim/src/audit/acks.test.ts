import { encodeFrame, FRAME_TYPE } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { Acks } from './acks.js'
import { Cursors } from './cursors.js'
import { Flushes } from './flushes.js'
import { Ledger } from './ledger.js'
import { MessageIds } from './wire.js'
import { A1, A2, ALICE, B1, BOB, CHAT, Scene, stateOf } from './testing/scene.js'

describe('acks', () => {
  it('are fine behind a durable copy, its marks and the flush', () => {
    const scene = new Scene()
    scene.deliver(scene.say('§evg-1§'))
    expect(scene.run.violation).toBeUndefined()
    expect(scene.run.coverage.of('audit/flush before ack')).toBe(1)
    expect(scene.run.coverage.of('audit/mark before ack')).toBe(2)
  })

  it('break P1 before the copy, at another position, and for nothing that waits', () => {
    for (const stored of [undefined, 5]) {
      const scene = new Scene()
      const said = scene.say('§evg-1§')
      const correlation = scene.send(said)
      if (stored !== undefined) scene.store(said, scene.at(stored))
      scene.ack(correlation, scene.at(scene.nowMs))
      expect(scene.broken).toBe('P1')
    }
    const scene = new Scene()
    scene.ack(77, scene.at(scene.nowMs))
    expect(scene.broken).toBe('P1')
  })

  it('break P1 when other bytes are stored, and not when surplus bodies are', () => {
    for (const [bodies, broken] of [[[B1], undefined], [[B1, A2], 'P1']] as const) {
      const scene = new Scene()
      scene.auditor.deviceMade('alice-2', ALICE, A2)
      const said = scene.say('§evg-1§', { bodies: bodies.length === 1 ? [B1, A2] : [B1] })
      const correlation = scene.send(said)
      const other = new Scene().compose('§evg-1§', { bodies, order: said.message.order })
      scene.store(other, scene.at(scene.nowMs))
      scene.ack(correlation, scene.at(scene.nowMs))
      expect(scene.broken).toBe(broken)
    }
  })

  it('break P5 when the log time is not what the clocks of others say, and not when the store was slow', () => {
    for (const [awayMs, isBroken] of [[0, false], [900, false], [10_000, true], [-10_000, true]] as const) {
      const scene = new Scene()
      const said = scene.say('§evg-1§')
      const correlation = scene.send(said)
      const position = scene.at(scene.nowMs)
      scene.store(said, position, position.timeMs + awayMs)
      scene.ack(correlation, position)
      expect(scene.run.violation?.promise, String(awayMs)).toBe(isBroken ? 'P5' : undefined)
    }
  })

  it('break P5 without the mark of a member', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    const correlation = scene.send(said)
    scene.auditor.copyStored(CHAT, said.envelope, scene.at(scene.nowMs), scene.nowMs)
    scene.auditor.marked(ALICE, CHAT, Math.floor(scene.nowMs / 3_600_000))
    scene.auditor.marked(BOB, CHAT, Math.floor(scene.nowMs / 3_600_000) - 1)
    scene.ack(correlation, scene.at(scene.nowMs))
    expect(scene.broken).toBe('P5')
  })

  it('break P5 when a group is wide and one of its members was not led to its marks', () => {
    for (const [led, broken] of [[[ALICE, BOB], undefined], [[BOB], 'P5']] as const) {
      const { run } = new Scene()
      const context = { run, ledger: new Ledger(run), malicious: false }
      const acks = new Acks(context, new Flushes(context, new MessageIds()), new Cursors(context))
      acks.looks(CHAT, led, 2, true)
      acks.wide({ conversation: CHAT, version: 2, members: [ALICE, BOB] })
      expect(run.violation?.promise).toBe(broken)
      acks.looks(CHAT, [BOB], 3, false)
      acks.wide({ conversation: CHAT, version: 4, members: [ALICE, BOB] })
      expect(run.violation?.promise, 'who left before').toBe('P5')
    }
  })

  it('break P10 before the flush; a second routing of the same copy does not matter', async () => {
    for (const flushedFirst of [true, false]) {
      const scene = new Scene()
      const said = scene.say('§evg-1§')
      const correlation = scene.send(said)
      const position = scene.at(scene.nowMs)
      scene.store(said, position)
      const packet = scene.publish(said, position)
      scene.auditor.flushed(scene.node, flushedFirst ? packet : packet - 1)
      await scene.go(1)
      if (flushedFirst) scene.publish(said, position)
      scene.ack(correlation, position)
      expect(scene.broken).toBe(flushedFirst ? undefined : 'P10')
    }
  })

  it('break P7 without a body for a device that is active for longer than a lease, unless it was left out, or refused twice by who knew of it', async () => {
    const cases = [
      [3_000, {}, 0, 'P7'], [2_000, {}, 0, undefined], [3_000, { skip: [A2] }, 0, undefined],
      [3_000, { seq: 2 }, 2, undefined], [3_000, { seq: 1 }, 2, 'P7'], [3_000, { seq: 2 }, 1, 'P7'],
    ] as const
    for (const [waitMs, saying, flags, broken] of cases) {
      const scene = new Scene()
      scene.auditor.deviceMade('alice-2', ALICE, A2)
      scene.auditor.entryStored(stateOf(ALICE, 2, { [A1]: true, [A2]: true }))
      await scene.go(waitMs)
      scene.deliver(scene.say('§evg-1§', saying), undefined, flags)
      expect(scene.broken).toBe(broken)
    }
  })

  it('do not count the time in which the node was suspended', async () => {
    const scene = new Scene()
    scene.auditor.deviceMade('alice-2', ALICE, A2)
    scene.auditor.entryStored(stateOf(ALICE, 2, { [A1]: true, [A2]: true }))
    scene.auditor.suspended(scene.node, 5_000)
    await scene.go(6_000)
    scene.deliver(scene.say('§evg-1§'))
    expect(scene.run.violation).toBeUndefined()
  })

  it('break P7 for a sender that was revoked', async () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    scene.auditor.entryStored(stateOf(ALICE, 2, { [A1]: false }))
    await scene.go(2_500)
    scene.deliver(said)
    expect(scene.broken).toBe('P7')
  })

  it('come for a send that was refused no more', () => {
    const scene = new Scene()
    const said = scene.say('§evg-1§')
    const correlation = scene.send(said)
    scene.auditor.sent(scene.node, 1, encodeFrame(FRAME_TYPE.failure, correlation, new Uint8Array(0)))
    scene.store(said, scene.at(5))
    scene.ack(correlation, scene.at(5))
    expect(scene.broken).toBe('P1')
  })
})
