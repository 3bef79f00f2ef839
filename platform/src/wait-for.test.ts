import { EvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { createLogger } from './log.js'
import { ManualClock } from './manual-clock.js'
import { waitFor } from './wait-for.js'

describe('waitFor', () => {
  it('says what it waits for, not too often, and goes on once it answers', async () => {
    const { clock, lines, wait, pass } = scene(60_000)
    let there = false
    const done = wait(() => there)
    await pass(11_000)
    expect(lines.map(({ msg }) => msg)).toEqual(['waiting for auth', 'waiting for auth', 'waiting for auth'])
    expect(lines[1]).toMatchObject({ waitedMs: 5_000, reason: expect.stringContaining('unavailable.auth') as string })
    there = true
    await pass(1_000)
    expect(await done).toBe('here')
    expect(lines.at(-1)?.['msg']).toBe('auth answers')
    expect(clock.monotonicMs()).toBe(12_000)
  })

  it('says nothing when it is there at once, and gives up after its time with the last failure', async () => {
    const fine = scene(1_000)
    await fine.wait(() => true)
    expect(fine.lines).toEqual([])
    const { wait, pass } = scene(2_000)
    const done = expect(wait(() => false)).rejects.toMatchObject({ code: 'unavailable.auth' })
    await pass(3_000)
    await done
  })

  it('does not wait for what waiting does not mend', async () => {
    const { clock, log } = scene(60_000)
    const ask = (): Promise<never> => Promise.reject(new EvegramError('incompatible.schema'))
    await expect(waitFor({ what: 'Cassandra', clock, log, limitMs: 60_000, ask })).rejects.toMatchObject({ code: 'incompatible.schema' })
  })
})

function scene(limitMs: number) {
  const clock = new ManualClock()
  const lines: Record<string, unknown>[] = []
  const log = createLogger({ level: 'info', name: 'test', to: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) } })
  const wait = (answers: () => boolean): Promise<string> => waitFor({
    what: 'auth', clock, log, limitMs,
    ask: async () => {
      if (!answers()) throw new EvegramError('unavailable.auth')
      return 'here'
    },
  })
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      await new Promise((resolve) => { setImmediate(resolve) })
      clock.advance(100)
    }
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  return { clock, log, lines, wait, pass }
}
