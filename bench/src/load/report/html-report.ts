import { IMPLICIT_THRESHOLDS } from '../measure/thresholds.js'
import type { Distribution, LoadResult } from '../result.js'
import { notesOf, pageOf, percentileSection, tableOf, thresholdRows, tileOf } from './page-frame.js'
import type { ReportData } from './report-data.js'
import { NINES, percentileCurve } from './percentile-curve.js'
import { configText, verdictText } from './summary.js'

/** The report of a run as one HTML file: nothing is loaded from anywhere, and it is drawn in the reader's light or dark. */
export function htmlReport(result: LoadResult): string {
  const { latency, config } = result
  const named = ([['delivery', latency.delivery], ['acknowledgement', latency.acknowledgement], ['send behind plan', latency.sendLag]] as const)
    .filter((pair): pair is readonly [typeof pair[0], Distribution] => pair[1] !== null && pair[1].count > 0)
  const data: ReportData = { timeline: result.timeline, nines: NINES, curves: named.map(([name, one]) => ({ name, ms: percentileCurve(one) })) }
  const title = `${config.scenario} on ${config.driver}`
  const body = `<section class="tiles">${tilesOf(result).map(tileOf).join('')}</section>
${percentileSection('From the planned time of a message.')}
<section class="tables">${tableOf('Milliseconds', ['', 'p50', 'p90', 'p99', 'p99.9', 'p99.99', 'max'], named.map(([name, one]) => [name, ...[one.p50, one.p90, one.p99, one.p999, one.p9999, one.max].map((ms) => ms.toFixed(2))]))}
${tableOf('Promises and thresholds', ['', 'measured', ''], thresholdRows(result.thresholds))}</section>
<section><h2>On one timeline</h2><p class="muted">Points of one time stand below each other; the warm-up is shaded and in no figure.</p>
${['latency:Latency, ms', 'throughput:Messages a second', 'errors:Refused and doubled a second', 'cpu:CPU, % of a core', 'memory:Server memory (RSS), MiB', 'loop:Delay of event loop and of sends, ms'].map((chart) => chart.split(':')).map(([id = '', name = '']) => `<h3>${name}</h3><div class="chart" id="${id}"></div>`).join('\n')}</section>
<section class="tables">${tableOf('Counters', ['', 'messages'], Object.entries(result.counters).map(([name, value]) => [name, String(value)]))}
${result.server?.processes === undefined ? '' : tableOf('Processes', ['', '% of a core', 'CPU s', 'MiB'], result.server.processes.map(({ name, coreShare, cpuSeconds, rssMiB }) => [name, (coreShare * 100).toFixed(1), cpuSeconds.toFixed(2), String(rssMiB)]))}
${tableOf('What was measured', ['', ''], factsOf(result))}</section>
${notesOf([...(result.verdict === 'invalid' ? [] : result.validity.reasons), ...result.notes, ...Object.entries(result.failures).map(([reason, count]) => `${String(count)} x ${reason}`)])}`
  return pageOf({ title, subtitle: configText(config), verdict: result.verdict, verdictText: verdictText(result), body, machine: result.machine, startedAt: result.startedAt, data })
}

function tilesOf({ latency, deliveriesPerSecond, sentPerSecond, server, counters, measuredSeconds }: LoadResult): readonly (readonly [string, string, string, string])[] {
  const wrong = IMPLICIT_THRESHOLDS.map((text) => text.replace('==0', '')).reduce((sum, name) => sum + counters[name as keyof typeof counters], 0) // names of counters
  return [
    ['Delivered', deliveriesPerSecond.toLocaleString('en'), '/s', `${sentPerSecond.toLocaleString('en')} sent/s over ${String(measuredSeconds)} s`],
    ['p50', latency.delivery.p50.toFixed(1), 'ms', `mean ${latency.delivery.mean.toFixed(1)} ms`],
    ['p99', latency.delivery.p99.toFixed(1), 'ms', `p99.9 ${latency.delivery.p999.toFixed(1)} ms`],
    ['Lost, doubled, …', String(wrong), '', `of ${counters.expected.toLocaleString('en')} deliveries`],
    ['Server CPU', server === null ? '-' : server.cpuSeconds.toFixed(2), 's', server === null ? 'not measured' : `${server.deliveriesPerCpuSecond.toLocaleString('en')} deliveries per CPU-second`],
    ['Server memory', server === null ? '-' : String(server.rssMaxMiB), 'MiB', server === null ? 'not measured' : 'the most that was seen'],
  ]
}

function factsOf({ system, generator, config, machine, clocks, server }: LoadResult): readonly (readonly string[])[] {
  const percent = (share: number | undefined): string => (share === undefined ? 'not measured' : `${(share * 100).toFixed(0)} %`)
  return [
    ['system', system.description], ['acknowledgements', system.acknowledges], ['payload', `${config.payload}, ${String(config.payloadBytes)} bytes`], ['seed', config.seed],
    ['load average', `${machine.loadAverageBefore.map((one) => one.toFixed(1)).join(', ')} before; ${machine.loadAverageAfter.map((one) => one.toFixed(1)).join(', ')} after`],
    ['server CPU', server === null ? 'not measured' : `${server.userSeconds.toFixed(2)} s user, ${server.systemSeconds.toFixed(2)} s system`],
    ...(server?.bottleneck === undefined ? [] : [['where more load ends', server.bottleneck]]), ['others had the server\'s core', percent(generator.serverStarvedShare)], ['busiest worker', `${percent(generator.cpuShare)} of a core`], ['worker waited for a core', percent(generator.waitedShare)],
    ['generator event loop, p99', `${generator.eventLoopDelayP99Ms.toFixed(1)} ms`],
    ['clocks of workers', clocks.map(({ offsetUs, uncertaintyUs }) => `${String(offsetUs)} ± ${String(uncertaintyUs)} us`).join(', ')],
  ]
}
