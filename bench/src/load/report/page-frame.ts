import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { LoadResult, Verdict } from '../result.js'
import { escapeHtml } from './escape-html.js'
import { REPORT_CSS } from './report-css.js'
import { drawReport } from './report-page.js'
import type { ReportData } from './report-data.js'

const UPLOT = dirname(createRequire(import.meta.url).resolve('uplot/package.json'))

/** A page without what it is about. Texts are plain; `body` is HTML. */
export interface PageParts {
  readonly title: string
  readonly subtitle: string
  readonly verdict: Verdict
  readonly verdictText: string
  readonly body: string
  readonly machine: LoadResult['machine']
  readonly startedAt: string
  readonly data: ReportData
}

/** One HTML file: nothing is loaded from anywhere, and it is drawn in the reader's light or dark. */
export function pageOf({ title, subtitle, verdict, verdictText, body, machine, startedAt, data }: PageParts): string {
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
<p class="muted">${escapeHtml(subtitle)}</p>
<p class="verdict ${verdict}">${escapeHtml(verdictText)}</p>
</header>
<main>
${body}
</main>
<footer class="muted">${escapeHtml(`${machine.cpu}, ${String(machine.cores)} cores, ${String(machine.memoryGiB)} GiB, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}, ${startedAt}`)}. Made by <code>npm run bench</code>; method: docs/bench.md.</footer>
<script>${readFileSync(join(UPLOT, 'dist', 'uPlot.iife.min.js'), 'utf8')}</script>
<script id="data" type="application/json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>(${drawReport.toString()})(uPlot, JSON.parse(document.getElementById('data').textContent))</script>
</body>
</html>
`
}

/** A tile: a name, a figure with its unit, and a few words. */
export function tileOf([name, value, unit, note]: readonly [string, string, string, string]): string {
  return `<div class="tile"><span class="name">${escapeHtml(name)}</span><span class="value">${escapeHtml(value)}<small>${escapeHtml(unit)}</small></span><span class="muted">${escapeHtml(note)}</span></div>`
}

/** A table with its name; a cell that says BROKEN is shown so. */
export function tableOf(name: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cell = (tag: string) => (text: string): string => `<${tag}${text === 'BROKEN' ? ' class="broken"' : ''}>${escapeHtml(text)}</${tag}>`
  return `<div><h2>${name}</h2><table><thead><tr>${head.map(cell('th')).join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('')}</tbody></table></div>`
}

/** Rows of thresholds: text, what was measured, whether it holds. */
export function thresholdRows(thresholds: LoadResult['thresholds']): readonly (readonly string[])[] {
  return thresholds.map(({ text, actual, held }) => [text, actual === null ? 'not measured' : String(Number(actual.toFixed(3))), held ? 'holds' : 'BROKEN'])
}

/** What a reader has to know, each in a box of its own. */
export function notesOf(notes: readonly string[]): string {
  return notes.map((note) => `<p class="note">${escapeHtml(note)}</p>`).join('')
}

/** The explained place of the percentile chart. */
export function percentileSection(explained: string): string {
  return `<section><h2>Latency by percentile</h2><p class="muted">${explained} Both axes grow by factors of ten: each step to the right leaves out nine tenths of what is left.</p><div class="chart" id="percentiles"></div></section>`
}
