import type { ComparedRun } from '../compare.js'
import { comparisonLines, ratioNote, runNote, spreadText, type ComparisonShown } from './compare-text.js'
import { escapeHtml } from './escape-html.js'
import { REPORT_CSS } from './report-css.js'

const COMPARE_CSS = `
.met { color: var(--good); font-weight: 600; } .not-met { color: var(--bad); font-weight: 600; } .not-measured { color: var(--muted); }
.bar { display: block; height: 8px; min-width: 1px; border-radius: 4px; background: var(--muted); opacity: 0.55; }
.own .bar { background: var(--good); opacity: 1; } .own td { font-weight: 600; } td.wide { width: 32%; min-width: 8em; } td { vertical-align: top; } section.table { overflow-x: auto; }
`

/** Columns that are read as sentences, not compared as figures. */
const TEXT_COLUMNS: ReadonlySet<string> = new Set(['goal', 'notes'])

/** A comparison as one HTML file: goals first, then ratios, then every run with a bar for what it delivered per CPU-second. */
export function comparisonHtml(of: string, shown: ComparisonShown): string {
  const { runs, ratios, goals, notMeasured } = shown
  const [first] = runs
  const scenarios = [...new Set(runs.map(({ scenario }) => scenario))]
  const met = goals.filter(({ state }) => state === 'met').length
  const missed = goals.filter(({ state }) => state === 'not met').length
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Evegram bench: comparison</title>
<style>${REPORT_CSS}${COMPARE_CSS}</style>
</head>
<body>
<header>
<h1>${escapeHtml(`${of} beside ${[...new Set(ratios.map(({ to }) => to))].join(', ')}`)}</h1>
<p class="muted">${escapeHtml(`${scenarios.join(', ')}; same load, each in a fresh process on a core of its own, ${String(1 + Math.max(0, ...runs.map(({ run }) => run)))} repetitions`)}</p>
<p class="verdict ${missed > 0 ? 'breach' : met > 0 ? 'pass' : 'invalid'}">${escapeHtml(`${String(met)} ${met === 1 ? 'goal' : 'goals'} met, ${String(missed)} not met, ${String(goals.length - met - missed)} not measured`)}</p>
</header>
<main>
<section class="table"><h2>Goals</h2>${table(['state', 'goal', 'measured', 'notes'], goals.map(({ text, state, actual, notes }) => ({
  className: '', cells: [cell(state, state.replace(' ', '-')), cell(text, 'text'), cell(actual === null ? '' : spreadText(actual)), cell(notes.join('; '), 'text')],
})))}</section>
<section class="table"><h2>Ratios</h2><p class="muted">${escapeHtml(of)} divided by the other system, repetition by repetition: the median, and least to most. More is better, but for p99.</p>${table(['beside', 'scenario', 'part', 'per CPU-second', 'deliveries/s', 'p99', 'notes'], ratios.map((ratio) => ({
  className: '', cells: [cell(ratio.to), cell(ratio.scenario), cell(ratio.part), ...[ratio.perCpuSecond, ratio.rate, ratio.p99].map((one) => cell(spreadText(one))), cell(ratioNote(ratio), 'text')],
})))}</section>
${scenarios.flatMap((scenario) => [...new Set(runs.map(({ part }) => part))].map((part) => runsSection(of, scenario, part, runs.filter((one) => one.scenario === scenario && one.part === part)))).join('\n')}
${notMeasured.map(({ driver, reason }) => `<p class="note">${escapeHtml(`${driver}: not measured: ${reason}`)}</p>`).join('')}
<details><summary class="muted">The same as text</summary><pre>${escapeHtml(comparisonLines(shown).join('\n'))}</pre></details>
</main>
<footer class="muted">${first === undefined ? '' : escapeHtml(machineText(first))} Made by <code>npm run bench -- compare</code>; method: docs/bench.md.</footer>
</body>
</html>
`
}

function runsSection(of: string, scenario: string, part: string, runs: readonly ComparedRun[]): string {
  if (runs.length === 0) return ''
  const most = Math.max(1, ...runs.map(({ result }) => result.server?.deliveriesPerCpuSecond ?? 0))
  return `<section class="table"><h2>${escapeHtml(`${scenario}, ${part}`)}</h2>${table(['system', 'run', 'per CPU-second', '', 'delivered/s', 'p50 ms', 'p99 ms', 'notes'], runs.map((one) => {
    const { run, result: { config, server, latency, deliveriesPerSecond } } = one
    return {
      className: config.driver === of ? 'own' : '',
      cells: [
        cell(config.driver), cell(String(run + 1)), cell(server === null ? 'not measured' : server.deliveriesPerCpuSecond.toLocaleString('en')),
        `<td class="wide"><span class="bar" style="width:${(((server?.deliveriesPerCpuSecond ?? 0) / most) * 100).toFixed(1)}%"></span></td>`,
        cell(deliveriesPerSecond.toLocaleString('en')), cell(latency.delivery.p50.toFixed(2)), cell(latency.delivery.p99.toFixed(2)), cell(runNote(one), 'text'),
      ],
    }
  }))}</section>`
}

function machineText({ result: { machine, startedAt } }: ComparedRun): string {
  return `${machine.cpu}, ${String(machine.cores)} cores, ${String(machine.memoryGiB)} GiB, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}, ${startedAt}.`
}

function cell(text: string, className = ''): string {
  return `<td${className === '' ? '' : ` class="${className}"`}>${escapeHtml(text)}</td>`
}

function table(head: readonly string[], rows: readonly { readonly className: string; readonly cells: readonly string[] }[]): string {
  const body = rows.map(({ className, cells }) => `<tr${className === '' ? '' : ` class="${className}"`}>${cells.join('')}</tr>`).join('')
  return `<table><thead><tr>${head.map((name) => `<th${TEXT_COLUMNS.has(name) ? ' class="text"' : ''}>${escapeHtml(name)}</th>`).join('')}</tr></thead><tbody>${body}</tbody></table>`
}
