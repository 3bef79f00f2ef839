import { expect, test } from 'vitest'
import type { TraceLine } from '../kernel/trace.js'
import { timelineOf } from './timeline.js'

function trace(...lines: readonly (readonly [who: string, what: string])[]): TraceLine[] {
  return lines.map(([who, what], index) => ({ atMs: index, event: index, who, what }))
}

const violation = { promise: 'P2', what: 'bob-1 shows ab12cd34 twice', atMs: 99, event: 99 } as const
const noise = Array.from({ length: 30 }, () => ['carol-1.1', 'chatter'] as const)

test('ids, places, faults and the end are shown, the rest is not', () => {
  const events = [['n1.1', 'append of ab12cd34'], ['carol-1.1', 'chatter'], ['bob-1.2', 'opened']] as const
  const faults = [['n2.1', 'log.append late'], ['world', 'partition']] as const
  const lines = trace(...events, ...faults, ...noise)
  const { lines: shown, total, subjects } = timelineOf(lines, violation, 60)
  expect(shown.slice(0, 4).map(({ what }) => what)).toEqual(['append of ab12cd34', 'opened', 'log.append late', 'partition'])
  expect(shown).toHaveLength(4 + 12)
  expect([total, subjects]).toEqual([35, ['ab12cd34', 'bob-1']])
})

test('what names an id is not pushed out by the faults behind it', () => {
  const faults = Array.from({ length: 50 }, () => ['world', 'fault'] as const)
  const { lines } = timelineOf(trace(['n1.1', 'append of ab12cd34'], ...faults), violation, 10)
  expect(lines).toHaveLength(10)
  expect(lines[0]?.what).toBe('append of ab12cd34')
  expect(timelineOf(trace(...faults), violation, 0).lines).toEqual([])
  expect(timelineOf(trace(...faults), violation, 'all').lines).toHaveLength(50)
})
