import { EvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { Reread } from './reread.js'

/** A value that a test changes, and how often it was read. */
class Source {
  value = 1
  reads = 0
  listeners = 0
  fails = false
  changed: () => void = () => undefined
  readonly read = async (): Promise<number> => {
    this.reads += 1
    const value = this.value
    await Promise.resolve()
    if (this.fails) throw new EvegramError('client.store', { operation: 'read' })
    return value
  }

  readonly listen = (changed: () => void): void => {
    this.listeners += 1
    this.changed = changed
  }
}

const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0) })

describe('something that is read again', () => {
  it('is not read before somebody looks, and listened to once however often they come back', async () => {
    const source = new Source()
    const reread = new Reread(source.read, source.listen)
    expect([source.reads, source.listeners]).toEqual([0, 0])
    reread.subscribe(() => undefined)()
    reread.subscribe(() => undefined)
    await settle()
    expect([source.reads, source.listeners]).toEqual([1, 1])
    expect(reread.getSnapshot()).toEqual({ status: 'ready', value: 1 })
  })

  it('shows what changed while it was read, with one read more however often it changed', async () => {
    const source = new Source()
    const reread = new Reread(source.read, source.listen)
    reread.subscribe(() => undefined)
    source.value = 2
    for (let times = 0; times < 5; times++) source.changed()
    await settle()
    expect(source.reads).toBe(2)
    expect(reread.getSnapshot()).toEqual({ status: 'ready', value: 2 })
  })

  it('says why it cannot be read, and recovers', async () => {
    const source = new Source()
    source.fails = true
    const reread = new Reread(source.read, source.listen)
    reread.subscribe(() => undefined)
    await settle()
    expect(reread.getSnapshot()).toEqual({ status: 'failed', code: 'client.store' })
    source.fails = false
    await reread.refresh()
    expect(reread.getSnapshot()).toEqual({ status: 'ready', value: 1 })
  })
})
