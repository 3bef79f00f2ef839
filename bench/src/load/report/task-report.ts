import type { TaskResult } from '../tasks/task-result.js'
import { notesOf, pageOf, percentileSection, tableOf, thresholdRows, tileOf } from './page-frame.js'
import { NINES, percentileCurve } from './percentile-curve.js'
import { verdictText } from './summary.js'

/** Figures that get a tile of their own, from the top of the task's table. */
const TILES = 6
/** A unit that is longer stands below its figure. */
const UNIT_LETTERS_MAX = 6

/** The report of a task as one HTML file. */
export function taskReport(result: TaskResult): string {
  const measured = result.distributions.filter(({ distribution }) => distribution.count > 0)
  const entries = figureRows(result)
  const body = `<section class="tiles">${entries.slice(0, TILES).map(([name, value, unit]) => unit.length > UNIT_LETTERS_MAX ? tileOf([name, value, '', unit]) : tileOf([name, value, unit, ''])).join('')}</section>
${measured.length === 0 ? '' : percentileSection('How long each took.')}
<section class="tables">${measured.length === 0 ? '' : tableOf('Milliseconds', ['', 'count', 'p50', 'p90', 'p99', 'max'], measured.map(({ name, distribution: one }) => [name, String(one.count), ...[one.p50, one.p90, one.p99, one.max].map((ms) => ms.toFixed(2))]))}
${tableOf('Promises and thresholds', ['', 'measured', ''], thresholdRows(result.thresholds))}</section>
<section class="tables">${tableOf('Figures', ['', '', ''], entries)}
${tableOf('What was measured', ['', ''], [['system', result.system.description], ['seed', result.seed], ...Object.entries(result.config).map(([name, value]) => [name, String(value)]), ['load average', `${loadText(result.machine.loadAverageBefore)} before; ${loadText(result.machine.loadAverageAfter)} after`]])}</section>
${notesOf([...(result.verdict === 'invalid' ? [] : result.validity.reasons), ...result.notes, ...failureLines(result)])}`
  return pageOf({
    title: result.scenario, subtitle: `${result.text}, seed ${result.seed}`, verdict: result.verdict, verdictText: verdictText(result), body, machine: result.machine, startedAt: result.startedAt,
    data: { timeline: [], nines: NINES, curves: measured.map(({ name, distribution }) => ({ name, ms: percentileCurve(distribution) })) },
  })
}

/** The result as a person reads it in a terminal. */
export function taskSummary(result: TaskResult): readonly string[] {
  const { machine, distributions } = result
  const width = Math.max(...Object.keys(result.units).map((name) => name.length)) + 4
  const measured = distributions.filter(({ distribution }) => distribution.count > 0)
  const column = (values: readonly string[]): string => values.map((value) => value.padStart(10)).join('')
  return [
    `${result.scenario}: ${result.text}, seed ${result.seed}`,
    `${result.system.description}; ${machine.cpu}, ${String(machine.cores)} cores, Linux ${machine.kernel}, Node ${machine.node}, ${machine.commit}, load ${(machine.loadAverageBefore[0] ?? 0).toFixed(1)} before, ${(machine.loadAverageAfter[0] ?? 0).toFixed(1)} after`,
    '',
    ...(measured.length === 0 ? [] : [`  ${'milliseconds'.padEnd(26)}${column(['count', 'p50', 'p90', 'p99', 'max'])}`]),
    ...measured.map(({ name, distribution: one }) => `  ${name.padEnd(26)}${column([String(one.count), ...[one.p50, one.p90, one.p99, one.max].map((ms) => ms.toFixed(2))])}`),
    ...(measured.length === 0 ? [] : ['']),
    ...figureRows(result).map(([name, value, unit]) => `  ${name.padEnd(width)}${value.padStart(12)} ${unit}`.trimEnd()),
    ...failureLines(result).map((line) => `  ${line}`),
    ...result.thresholds.map(({ text, held, actual }) => `  ${held ? 'holds ' : 'BROKEN'} ${text} (${actual === null ? 'not measured' : String(Number(actual.toFixed(3)))})`),
    ...result.notes.map((note) => `  note: ${note}`),
    '', verdictText(result),
  ]
}

function figureRows({ figures, units }: TaskResult): readonly (readonly [string, string, string])[] {
  return Object.entries(units).map(([name, unit]) => {
    const value = figures[name]
    return [name, value === undefined ? 'not measured' : valueText(value), value === undefined ? '' : unit]
  })
}

/** Large figures as whole numbers, small ones with the digits that tell something. */
function valueText(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3)
}

function failureLines({ failures }: TaskResult): readonly string[] {
  return Object.entries(failures).map(([reason, count]) => `${String(count)} x ${reason}`)
}

function loadText(load: readonly number[]): string {
  return load.map((one) => one.toFixed(1)).join(', ')
}
