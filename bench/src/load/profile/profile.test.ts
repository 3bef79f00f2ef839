import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { topCosts, type CpuProfile, type ProfileNode } from '../../top-costs.js'
import type { RunEvents } from '../coordinator.js'
import { monotonicUs } from '../measure/monotonic.js'
import { cutProfile } from './cut-profile.js'
import { flameGraph } from './flame-graph.js'
import { PROFILE_FILES, ServerProfile } from './server-profile.js'

const node = (id: number, functionName: string, url: string, children: readonly number[] = []): ProfileNode => ({ id, callFrame: { functionName, url, lineNumber: 9 }, children })

/** Ten seconds that began at 1 s: `run` called `<send>` half of the time; at the end it called it from elsewhere. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 4, 5, 7, 8]), node(2, 'run', 'file:///e/engine/dist/run.js', [3]), node(3, '<send>', 'file:///e/engine/dist/send.js'),
    node(4, '(idle)', ''), node(5, '(garbage collector)', ''), node(6, 'put', 'file:///e/node_modules/lmdb/write.js'), node(7, 'tick', 'node:internal/timers', [6]),
    node(8, 'restThread', 'file:///e/engine/dist/adapters/uws/rounds.js'),
  ],
  startTime: 1e6,
  samples: [2, 3, 4, 5, 6, 8], timeDeltas: [3e6, 4e6, 1e6, 1e6, 1e6, 5e6],
}
const widthOf = (svg: string, name: string): number => Number(new RegExp(`<title>${name}[^<]*</title><rect x="[^"]*" y="[^"]*" width="([^"]*)"`).exec(svg)?.[1] ?? -1)

describe('a flame graph', () => {
  const svg = flameGraph(PROFILE, 'a & b')

  it('is as wide for each function as its share of the time that was not idle, callees under their callers', () => {
    expect(svg).toContain('<title>run engine/dist/run.js:10: 77.8 %</title>')
    expect(widthOf(svg, 'run')).toBeCloseTo((7 / 9) * 1_200 - 0.4, 0)
    expect(widthOf(svg, '&lt;send&gt;')).toBeCloseTo((4 / 9) * 1_200 - 0.4, 0)
    expect(widthOf(svg, 'put')).toBeCloseTo((1 / 9) * 1_200 - 0.4, 0)
    expect(svg).not.toContain('(idle)')
    // A server that rests between two rounds uses no core.
    expect(svg).not.toContain('restThread')
    const rowOf = (name: string): number => Number(new RegExp(`<title>${name}[^<]*</title><rect x="[^"]*" y="([^"]*)"`).exec(svg)?.[1])
    expect([rowOf('&lt;send&gt;') - rowOf('run'), rowOf('put') - rowOf('tick')]).toEqual([17, 17])
  })

  it('tells whose a function is by its colour', () => {
    const colourOf = (name: string): string | undefined => new RegExp(`<title>${name}.*?fill="(#[0-9a-f]+)"`).exec(svg)?.[1]
    expect(new Set(['run', 'tick', 'put', '\\(garbage collector\\)'].map(colourOf)).size).toBe(4)
    expect(colourOf('run')).toBe(colourOf('&lt;send&gt;'))
  })

  it('loads nothing, and takes names for text', () => {
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true)
    expect(svg).toContain('a &amp; b')
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|<script|href|<send>/)
  })
})

describe('a part of a profile', () => {
  it('has what was sampled between two moments', () => {
    const part = cutProfile(PROFILE, 5e6, 10e6)
    expect([part.samples, part.timeDeltas, part.startTime]).toEqual([[3, 4, 5], [4e6, 1e6, 1e6], 4e6])
    expect(topCosts(part, 1)).toEqual([{ name: '<send> engine/dist/send.js:10', share: 0.8 }])
    expect(cutProfile(PROFILE, 20e6, 30e6).samples).toEqual([])
  })
})

describe('the profile of a run', () => {
  let folder = ''
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'evegram-profile-')) })
  afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

  it('is of the measured part alone, and every event goes on', () => {
    const phases: string[] = []
    const events: RunEvents = { onPreparing: () => undefined, onProgress: () => undefined, onPhase: (phase) => { phases.push(phase) } }
    const profile = new ServerProfile(join(folder, 'made'))
    const watching = profile.watching(events)
    const nowUs = monotonicUs()
    watching.onPhase('warming up')
    watching.onPhase('measuring')
    watching.onPhase('draining')
    expect(phases).toEqual(['warming up', 'measuring', 'draining'])
    // Half a second before the measuring began `run` was sampled, and `put` half a second behind its end.
    writeFileSync(join(folder, 'made', 'CPU.1.cpuprofile'), JSON.stringify({ ...PROFILE, startTime: nowUs - 6e5, samples: [2, 3, 6], timeDeltas: [1e5, 5e5 + 20, 5e5] }))
    expect(profile.write('a run')).toBe(join(folder, 'made'))
    const costs = readFileSync(join(folder, 'made', PROFILE_FILES.costs), 'utf8')
    expect(costs).not.toContain('run engine')
    expect(costs).not.toContain('put')
    expect(readFileSync(join(folder, 'made', PROFILE_FILES.flame), 'utf8')).toContain('a run')
  })

  it('says so when the server left none', () => {
    expect(() => new ServerProfile(folder).write('a run')).toThrow(/left no profile/)
  })
})
