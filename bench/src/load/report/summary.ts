import { IMPLICIT_THRESHOLDS } from '../measure/thresholds.js'
import type { LoadConfig } from '../config.js'
import type { LoadResult } from '../result.js'

/** What a run did, in a line: for the head of a summary, a report and a dry run. */
export function configText({ scenario, driver, clients, payloadBytes, payload, loop, warmUpSeconds, workers, seed, pinned }: LoadConfig): string {
  const load = loop.kind === 'closed'
    ? `closed loop, ${String(loop.window)} under way per sender, ${seconds(loop.seconds)}`
    : `open loop (${loop.arrivals}), ${loop.stages.map((stage) => `${seconds(stage.seconds)} at ${stage.fromPerSecond === stage.toPerSecond ? '' : `${rate(stage.fromPerSecond)} to `}${rate(stage.toPerSecond)}/s`).join(', ')}`
  return `${scenario} on ${driver}: ${String(clients)} clients, ${String(payloadBytes)} bytes ${payload}, ${load}, warm-up ${seconds(warmUpSeconds)}, ${String(workers)} worker${workers === 1 ? '' : 's'}, seed ${seed}${pinned ? ', pinned' : ''}`
}

/** The verdict of a run in words. */
export function verdictText({ verdict, validity, thresholds }: Pick<LoadResult, 'verdict' | 'validity' | 'thresholds'>): string {
  switch (verdict) {
    case 'pass': return validity.valid ? 'PASS' : 'PASS by the counters; the figures say nothing about the server'
    case 'breach': return `FAIL: ${thresholds.filter(({ held }) => !held).map(({ text, actual }) => `${text} (${actual === null ? 'not measured' : String(actual)})`).join(', ')}`
    case 'invalid': return `NOT VALID: ${validity.reasons.join('; ')}. Times and rates are not the server's; the counters hold. A quieter machine, fewer messages or more generator processes help`
    default: return verdict satisfies never
  }
}

/** The result as a person reads it in a terminal. */
export function summaryLines(result: LoadResult): readonly string[] {
  const { latency, counters, server, machine, clocks, generator } = result
  const times = (name: string, one: LoadResult['latency']['delivery'] | null): string[] =>
    one === null || one.count === 0 ? [] : [`  ${name.padEnd(22)}${[one.p50, one.p90, one.p99, one.p999, one.p9999, one.max].map((value) => value.toFixed(2).padStart(10)).join('')}`]
  return [
    configText(result.config),
    `${result.system.description}; ${machine.cpu}, ${String(machine.cores)} cores, Linux ${machine.kernel}, Node ${machine.node}, ${machine.commit}, load ${(machine.loadAverageBefore[0] ?? 0).toFixed(1)} before, ${(machine.loadAverageAfter[0] ?? 0).toFixed(1)} after`,
    '',
    `  ${'milliseconds'.padEnd(22)}${['p50', 'p90', 'p99', 'p99.9', 'p99.99', 'max'].map((name) => name.padStart(10)).join('')}`,
    ...times('plan to delivery', latency.delivery), ...times('plan to acknowledgement', latency.acknowledgement), ...times('sends behind plan', latency.sendLag),
    '',
    `  ${String(result.sentPerSecond)} sent/s, ${String(result.deliveriesPerSecond)} delivered/s over ${String(result.measuredSeconds)} s`,
    ...(server === null ? [] : [
      `  server: ${server.cpuSeconds.toFixed(2)} s CPU (${server.userSeconds.toFixed(2)} user, ${server.systemSeconds.toFixed(2)} system), ${String(server.deliveriesPerCpuSecond)} deliveries per CPU-second, RSS up to ${String(server.rssMaxMiB)} MiB`,
      ...(server.processes ?? []).map(({ name, coreShare, cpuSeconds, rssMiB }) => `    ${name.padEnd(20)}${(coreShare * 100).toFixed(1).padStart(6)} % of a core ${cpuSeconds.toFixed(2).padStart(8)} s ${String(rssMiB).padStart(6)} MiB`),
      ...(server.bottleneck === undefined ? [] : [`  ${server.bottleneck}`]),
    ]),
    `  generator: ${(generator.cpuShare * 100).toFixed(0)} % of a core, waited ${(generator.waitedShare * 100).toFixed(0)} % for one, event loop p99 ${generator.eventLoopDelayP99Ms.toFixed(1)} ms; clocks ${clocks.map(({ offsetUs, uncertaintyUs }) => `${String(offsetUs)} ± ${String(uncertaintyUs)} us`).join(', ')}`,
    `  ${String(counters.sent)} sent, ${String(counters.acknowledged)} acknowledged, ${String(counters.delivered)} of ${String(counters.expected)} delivered; ` +
      IMPLICIT_THRESHOLDS.map((text) => text.slice(0, text.indexOf('='))).map((name) => `${name} ${String(counters[name as keyof typeof counters])}`).join(', '), // names of counters
    ...Object.entries(result.failures).map(([reason, count]) => `  ${String(count)} x ${reason}`),
    ...result.thresholds.filter(({ text }) => !IMPLICIT_THRESHOLDS.some((implicit) => implicit === text)).map(({ text, held, actual }) => `  ${held ? 'holds ' : 'BROKEN'} ${text} (${actual === null ? 'not measured' : String(actual)})`),
    ...result.notes.map((note) => `  note: ${note}`),
    '', verdictText(result),
  ]
}

function seconds(value: number): string {
  return `${String(Number(value.toFixed(2)))} s`
}

function rate(value: number): string {
  return String(Number(value.toFixed(1)))
}
