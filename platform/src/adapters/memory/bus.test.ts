import { isEvegramError, utf8 } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { describeBus } from '../../bus.contract.js'
import { subjectOf } from '../../bus.js'
import { silentLogger } from '../../log.js'
import { MemoryBroker } from './bus.js'

describeBus('memory', async () => {
  const broker = new MemoryBroker({ log: silentLogger })
  return { connect: async () => broker.connect(), close: async () => undefined }
})

describe('MemoryBroker', () => {
  it('makes a full queue an error of the publisher and gives the packet to nobody', () => {
    const tasks: (() => void)[] = []
    const broker = new MemoryBroker({ log: silentLogger, queueMax: 2, schedule: (task) => { tasks.push(task) } })
    const bus = broker.connect()
    const subject = subjectOf('full')
    let slow = 0
    let quick = 0
    bus.subscribe(subject, () => { slow++ })
    bus.publish(subject, utf8('1'))
    bus.publish(subject, utf8('2'))
    bus.subscribe(subject, () => { quick++ })
    expect(() => { bus.publish(subject, utf8('3')) }).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'limited.queue')))
    for (const task of tasks) task()
    expect([slow, quick]).toEqual([2, 0])
  })

  it('refuses tokens that would change the subject', () => {
    for (const token of ['', 'a.b', '*', '>', 'a b', 'ä', 'x'.repeat(65)]) {
      expect(() => subjectOf('node', token)).toThrow('invalid.argument')
    }
    expect(() => subjectOf(...Array.from({ length: 9 }, () => 'a'))).toThrow('invalid.argument')
  })
})
