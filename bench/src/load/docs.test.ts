import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EXIT } from './cli/exit-codes.js'
import { DRIVER_NAMES } from './drivers/driver-names.js'
import { SATURATION_LIMITS } from './measure/saturation.js'
import { IMPLICIT_THRESHOLDS, THRESHOLD_METRICS } from './measure/thresholds.js'
import { SCENARIOS } from './scenarios/find-scenario.js'
import { TASKS } from './tasks/find-task.js'

const text = readFileSync(new URL('../../../docs/bench.md', import.meta.url), 'utf8')
/** The cells of the row of a table that begins with `first`. */
function row(first: string): readonly string[] | undefined {
  return text.split('\n').map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim())).find((cells) => cells[0] === first)
}

describe('docs/bench.md', () => {
  it('has a row for every scenario with its sizes, every driver, counter and exit code', () => {
    for (const { name, clients, ratePerSecond } of SCENARIOS) expect(row(`\`${name}\``)?.[2], name).toBe(`${String(clients)} clients, ${String(ratePerSecond)}/s`)
    for (const { name, summary, defaults } of TASKS) expect(row(`\`${name}\``)?.slice(1), name).toEqual([summary, defaults])
    for (const name of DRIVER_NAMES) expect(row(`\`${name}\``), name).toBeDefined()
    for (const threshold of IMPLICIT_THRESHOLDS) expect(row(`\`${threshold.replace('==0', '')}\``), threshold).toBeDefined()
    for (const code of Object.values(EXIT)) expect(row(String(code))).toBeDefined()
  })

  it('names every figure that a threshold may be about', () => {
    // Those of acknowledgements are the same names behind "ack.".
    for (const metric of Object.keys(THRESHOLD_METRICS)) expect(text, metric).toContain(`\`${metric.replace(/^ack\./, '')}\``)
  })

  it('gives the limits that the detector has', () => {
    const percent = (share: number): string => `${String(share * 100)} %`
    expect([
      'sends behind their planned time, p99 (open loop)', 'event-loop delay of a worker, p99', 'a worker\'s share of a core (closed loop)', 'time that a worker waited for a core',
      'time in which others had the server\'s cores while it waited for one', 'certain difference of clocks',
    ].map((what) => row(what)?.[1])).toEqual([
      `${String(SATURATION_LIMITS.sendLagP99Ms)} ms`, `${String(SATURATION_LIMITS.eventLoopDelayP99Ms)} ms`, percent(SATURATION_LIMITS.cpuShare), percent(SATURATION_LIMITS.waitedShare),
      percent(SATURATION_LIMITS.serverStarvedShare), `${String(SATURATION_LIMITS.clockErrorMs)} ms`,
    ])
  })
})
