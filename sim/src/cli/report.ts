import type { PromiseName, Violation } from '../kernel/run.js'
import type { TraceLine } from '../kernel/trace.js'
import type { RunOptions } from '../run-options.js'
import type { BuildFacts } from './build-facts.js'
import type { CoverageRow } from './coverage-table.js'
import type { Timeline } from './timeline.js'
import type { SeedOutcome } from './worker-messages.js'

/** Paints text; made by {@link paintsOf}. */
export interface Paints {
  readonly bad: (text: string) => string
  readonly good: (text: string) => string
  readonly dim: (text: string) => string
}

/** Paints of a terminal, or none. */
export function paintsOf(isColoured: boolean): Paints {
  const paint = (code: number) => (text: string): string => (isColoured ? `\u001b[${String(code)}m${text}\u001b[0m` : text)
  return { bad: paint(31), good: paint(32), dim: paint(2) }
}

const PROMISES: Readonly<Record<PromiseName, string>> = {
  P1: 'an ack is durable', P2: 'shown exactly once', P3: 'one order, made by senders', P4: 'gaps are proved',
  P5: 'resume works for the whole retention', P6: 'nothing is dropped in silence', P7: 'the server cannot read or impersonate',
  P8: 'a wallet proof works once', P9: 'money is conserved', P10: 'failure has a bound', liveness: 'what can go on does go on',
  program: 'the code fails in no way of its own', guard: 'nothing in a run touches the real world',
}

/** How a run was encrypted, as every line says it: figures of the stand-in say nothing about cryptography. */
export function cryptoLabel(crypto: RunOptions['crypto']): string {
  return `${crypto} crypto`
}

/** The command that runs a seed again. */
export function replayCommand({ seed, profile, crypto, crashPoints }: Pick<RunOptions, 'seed' | 'profile' | 'crypto' | 'crashPoints'>): string {
  const word = /^[\w.:-]+$/.test(seed) ? seed : `'${seed.replaceAll("'", "'\\''")}'`
  const crashes = crashPoints === undefined ? '' : ` --crash-points ${String(crashPoints)}`
  return `npm run sim -- --seed ${word} --profile ${profile} --crypto ${crypto}${crashes} --timeline all`
}

/** One line for one seed. */
export function seedLine(outcome: SeedOutcome, { bad, good }: Paints): string {
  const { seed, profile, crypto } = outcome.options
  const start = `seed ${seed.padEnd(6)} ${(outcome.status === 'died' ? profile : outcome.result.profile).padEnd(9)} `
  switch (outcome.status) {
    case 'green':
      return `${start} ${good('green ')} ${figures(outcome.result)}  ${cryptoLabel(crypto)}`
    case 'broken':
      return `${start} ${bad('BROKEN')} ${figures(outcome.result)}  ${cryptoLabel(crypto)}  ${outcome.violation.promise}: ${outcome.violation.what}`
    case 'died':
      return `${start} ${bad('DIED  ')} ${cryptoLabel(crypto)}  ${firstLine(outcome.reason)}`
    default:
      return outcome satisfies never
  }
}

function figures({ events, virtualMs }: { readonly events: number; readonly virtualMs: number }): string {
  return `${grouped(events).padStart(8)} events ${(virtualMs / 1_000).toFixed(1).padStart(8)} virtual s`
}

/** What a person needs to understand a broken promise and to see it again. `deviation`: what the second run, made for the timeline, did otherwise. */
export function violationReport(
  options: RunOptions, violation: Violation, timeline: Timeline | undefined, facts: BuildFacts, paints: Paints, deviation?: string,
): string[] {
  return [
    '', paints.bad(`SEED ${options.seed} BROKE ${violation.promise}: ${PROMISES[violation.promise]} (${cryptoLabel(options.crypto)})`),
    `  seen      ${violation.what}`,
    `  at        ${(violation.atMs / 1_000).toFixed(3)} s of virtual time, event ${grouped(violation.event)}`,
    factsLine(facts),
    ...(timeline === undefined ? [] : timelineLines(timeline, paints)),
    ...(deviation === undefined ? [] : [paints.bad(`  warning   ${deviation}`)]),
    `  replay    ${replayCommand(options)}`,
  ]
}

/** The same for a run that gave no result. */
export function deathReport(options: RunOptions, reason: string, facts: BuildFacts, paints: Paints): string[] {
  return [
    '', paints.bad(`SEED ${options.seed} GAVE NO RESULT (${cryptoLabel(options.crypto)})`),
    ...reason.split('\n').map((line, index) => `  ${index === 0 ? 'reason    ' : '          '}${line}`),
    factsLine(facts),
    `  replay    ${replayCommand(options)}`,
  ]
}

function factsLine({ commit, dirty, node }: BuildFacts): string {
  return `  commit    ${commit}${dirty ? ' with local changes' : ''}, Node ${node}`
}

function timelineLines({ lines, total, subjects }: Timeline, { dim }: Paints): string[] {
  if (lines.length === 0) return []
  const about = subjects.length === 0 ? '' : `, lines about ${subjects.join(', ')}`
  const what = lines.length === total ? 'every line' : `${grouped(lines.length)} of ${grouped(total)} lines: faults${about}, the end`
  return [`  timeline  ${what} (seconds, where, what)`, ...lines.map((line) => `    ${timelineLine(line, dim)}`)]
}

function timelineLine({ atMs, who, what }: TraceLine, dim: Paints['dim']): string {
  return `${dim((atMs / 1_000).toFixed(3).padStart(9))}  ${who.padEnd(12)} ${what}`
}

/** What all seeds of a run came to. */
export interface Summary {
  readonly crypto: string
  readonly green: number
  readonly broken: number
  readonly died: number
  /** Seeds by the profile that ran. */
  readonly profiles: Readonly<Record<string, number>>
  readonly events: number
  readonly virtualHours: number
  readonly wallMs: number
  readonly coverage: readonly CoverageRow[]
}

/** The end of a run, for a person. `base`: printed where it came from the clock. */
export function summaryLines(summary: Summary, base: number | undefined, { bad, good }: Paints): string[] {
  const { crypto, green, broken, died, profiles, events, virtualHours, wallMs, coverage } = summary
  const seeds = green + broken + died
  const mix = Object.entries(profiles).sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, count]) => `${name} ${String(count)}`)
  const failures = broken + died === 0 ? [] : [bad(`${grouped(broken)} broken, ${grouped(died)} without result`)]
  const verdict = [...failures, good(`${grouped(green)} green`)].join(', ')
  const perSecond = Math.round(events / Math.max(0.001, wallMs / 1_000))
  const nameWidth = Math.max(8, ...coverage.map(({ name }) => name.length))
  return [
    '',
    `${grouped(seeds)} seeds: ${verdict} (${crypto})`,
    `profiles: ${mix.length === 0 ? 'none' : mix.join(', ')} (${crypto})`,
    `${virtualHours.toFixed(2)} virtual hours, ${grouped(events)} events, ${grouped(perSecond)} events/s (${crypto})`,
    `${(wallMs / 1_000).toFixed(1)} s wall time (${crypto})`,
    ...(base === undefined ? [] : [`base: ${String(base)} (${crypto})`]),
    ...(coverage.length === 0 ? [] : ['', `${`coverage (${crypto})`.padEnd(nameWidth + 2)} ${'total'.padStart(10)} ${'seeds'.padStart(7)}`]),
    ...coverage.map(({ name, total, seeds: had }) => {
      const counts = total === 0 ? bad('NEVER'.padStart(10)) : `${grouped(total).padStart(10)} ${grouped(had).padStart(7)}`
      return `  ${name.padEnd(nameWidth)} ${counts}`
    }),
  ]
}

function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
