import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { IMPLICIT_THRESHOLDS } from '../measure/thresholds.js'
import type { Distribution, LoadResult } from '../result.js'
import { escapeHtml } from './escape-html.js'
import { NINES, percentileCurve } from './percentile-curve.js'
import { REPORT_CSS } from './report-css.js'
import { drawReport } from './report-page.js'
import { configText, verdictText } from './summary.js'

const UPLOT = dirname(createRequire(import.meta.url).resolve('uplot/package.json'))

/** What the page draws, as JSON inside of it. */
export interface ReportData {
  readonly timeline: LoadResult['timeline']
  readonly nines: readonly number[]
  readonly curves: readonly { readonly name: string; readonly ms: readonly (number | null)[] }[]
}

/** The report of a run as one HTML file: nothing is loaded from anywhere, and it is drawn in the reader's light or dark. */
export function htmlReport(result: LoadResult): string {
  const { latency, config, machine } = result
  const named = ([['delivery', latency.delivery], ['acknowledgement', latency.acknowledgement], ['send behind plan', latency.sendLag]] as const)
    .filter((pair): pair is readonly [typeof pair[0], Distribution] => pair[1] !== null && pair[1].count > 0)
  const data: ReportData = { timeline: result.timeline, nines: NINES, curves: named.map(([name, one]) => ({ name, ms: percentileCurve(one) })) }
  const title = `${config.scenario} on ${config.driver}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(`Evegram bench: ${title}`)}</title>
<style>${readFileSync(join(UPLOT, 'dist', 'uPlot.min.css'), 'utf8')}
${REPORT_CSS}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="muted">${escapeHtml(configText(config))}</p>
<p class="verdict ${result.verdict}">${escapeHtml(verdictText(result))}</p>
</header>
<main>
<section class="tiles">${tilesOf(result).map(([name, value, unit, note]) => `<div class="tile"><span class="name">${name}</span><span class="value">${escapeHtml(value)}<small>${unit}</small></span><span class="muted">${escapeHtml(note)}</span></div>`).join('')}</section>
<section><h2>Latency by percentile</h2><p class="muted">From the planned time of a message. Both axes grow by factors of ten: each step to the right leaves out nine tenths of what is left.</p><div class="chart" id="percentiles"></div></section>
<section class="tables">${tableOf('Milliseconds', ['', 'p50', 'p90', 'p99', 'p99.9', 'p99.99', 'max'], named.map(([name, one]) => [name, ...[one.p50, one.p90, one.p99, one.p999, one.p9999, one.max].map((ms) => ms.toFixed(2))]))}
${tableOf('Promises and thresholds', ['', 'measured', ''], result.thresholds.map(({ text, actual, held }) => [text, actual === null ? 'not measured' : String(actual), held ? 'holds' : 'BROKEN']))}</section>
<section><h2>On one timeline</h2><p class="muted">Points of one time stand below each other; the warm-up is shaded and in no figure.</p>
${['latency:Latency, ms', 'throughput:Messages a second', 'errors:Refused and doubled a second', 'cpu:CPU, % of a core', 'memory:Server memory (RSS), MiB', 'loop:Delay of event loop and of sends, ms'].map((chart) => chart.split(':')).map(([id = '', name = '']) => `<h3>${name}</h3><div class="chart" id="${id}"></div>`).join('\n')}</section>
<section class="tables">${tableOf('Counters', ['', 'messages'], Object.entries(result.counters).map(([name, value]) => [name, String(value)]))}
${result.server?.processes === undefined ? '' : tableOf('Processes', ['', '% of a core', 'CPU s', 'MiB'], result.server.processes.map(({ name, coreShare, cpuSeconds, rssMiB }) => [name, (coreShare * 100).toFixed(1), cpuSeconds.toFixed(2), String(rssMiB)]))}
${tableOf('What was measured', ['', ''], factsOf(result))}</section>
${[...result.validity.reasons, ...result.notes, ...Object.entries(result.failures).map(([reason, count]) => `${String(count)} x ${reason}`)].map((note) => `<p class="note">${escapeHtml(note)}</p>`).join('')}
</main>
<footer class="muted">${escapeHtml(`${machine.cpu}, ${String(machine.cores)} cores, ${String(machine.memoryGiB)} GiB, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}, ${result.startedAt}`)}. Made by <code>npm run bench</code>; method: docs/bench.md.</footer>
<script>${readFileSync(join(UPLOT, 'dist', 'uPlot.iife.min.js'), 'utf8')}</script>
<script id="data" type="application/json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>(${drawReport.toString()})(uPlot, JSON.parse(document.getElementById('data').textContent))</script>
</body>
</html>
`
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

function tableOf(name: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (tag: string) => (text: string): string => `<${tag}${text === 'BROKEN' ? ' class="broken"' : ''}>${escapeHtml(text)}</${tag}>`
  return `<div><h2>${name}</h2><table><thead><tr>${head.map(cell('th')).join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('')}</tbody></table></div>`
}
