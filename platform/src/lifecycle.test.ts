import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { systemClock } from './clock.js'
import { Lifecycle, type LifecyclePart } from './lifecycle.js'
import { silentLogger } from './log.js'

function build(parts: readonly LifecyclePart[]): Lifecycle {
  const lifecycle = new Lifecycle({ clock: systemClock(), log: silentLogger })
  for (const part of parts) lifecycle.add(part)
  return lifecycle
}

function recorded(events: string[], name: string): LifecyclePart {
  return {
    name,
    start: () => { events.push(`start ${name}`) },
    drain: () => { events.push(`drain ${name}`) },
    stop: () => { events.push(`stop ${name}`) },
  }
}

describe('Lifecycle', () => {
  it('starts in order, drains everything before it stops anything, both in reverse order', async () => {
    const events: string[] = []
    const lifecycle = build([recorded(events, 'store'), recorded(events, 'http')])
    await lifecycle.start()
    expect(lifecycle.state).toBe('running')
    expect(await lifecycle.stop()).toEqual([])
    expect(events).toEqual(['start store', 'start http', 'drain http', 'drain store', 'stop http', 'stop store'])
    expect(lifecycle.state).toBe('stopped')
  })

  it('takes down what has started when a later part fails, and throws its failure', async () => {
    const events: string[] = []
    const lifecycle = build(
      [recorded(events, 'store'), { name: 'broken', start: () => { throw new Error('no port') } }, recorded(events, 'never')]
    )
    await expect(lifecycle.start()).rejects.toThrow('no port')
    expect(events).toEqual(['start store', 'drain store', 'stop store'])
  })

  it('goes on when a part hangs or fails while stopping, and reports it', async () => {
    const events: string[] = []
    const hanging: LifecyclePart = { name: 'hanging', drain: () => new Promise(() => undefined), drainTimeoutMs: 20 }
    const failing: LifecyclePart = { name: 'failing', stop: () => { throw new Error('planted') } }
    const lifecycle = build([recorded(events, 'store'), hanging, failing])
    await lifecycle.start()
    const problems = await lifecycle.stop()
    expect(problems.map(({ part, step }) => `${step} ${part}`)).toEqual(['drain hanging', 'stop failing'])
    expect(problems[0]?.failure).toSatisfy((failure) => isEvegramError(failure, 'timeout'))
    expect(events).toEqual(['start store', 'drain store', 'stop store'])
  })

  it('bounds the time of a start', async () => {
    const lifecycle = build([{ name: 'slow', start: () => new Promise(() => undefined), startTimeoutMs: 20 }])
    await expect(lifecycle.start()).rejects.toThrow('timeout')
    expect(lifecycle.state).toBe('stopped')
  })

  it('stops once, however often it is asked', async () => {
    const events: string[] = []
    const lifecycle = build([recorded(events, 'http')])
    await lifecycle.start()
    await Promise.all([lifecycle.stop(), lifecycle.stop()])
    expect(events.filter((event) => event === 'stop http')).toHaveLength(1)
    await expect(lifecycle.start()).rejects.toThrow('invalid.argument')
  })
})
