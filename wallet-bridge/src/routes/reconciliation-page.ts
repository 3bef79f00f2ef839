import type { ReconcileAnswer } from '../flows/reconcile/reconcile-flow.js'
import type { AssetReconciliation } from '../flows/reconcile/report.js'
import { DIFFERENCE_KINDS } from '../flows/reconcile/transfer-comparison.js'

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
th,td{border:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#c22;font-weight:600}.good{color:#186}`

/** A reconciliation for people: a page without scripts, whose root element states the result to programs. Amounts are in the smallest unit. */
export function reconciliationPage(chain: string, answer: ReconcileAnswer): string {
  const drift = answer.status === 'done' ? ` data-drift="${String(answer.report.drift)}"` : ''
  return `<!doctype html><html lang="en" data-status="${answer.status}"${drift}><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Reconciliation of ${text(chain)}</title><style>${STYLE}</style>
<h1>Reconciliation of ${text(chain)}</h1>
${bodyOf(answer)}
</html>
`
}

function bodyOf(answer: ReconcileAnswer): string {
  if (answer.status === 'disagreed') {
    const { about, sources, subject } = answer.disagreement
    return `<p class="bad">The sources ${text(sources[0])} and ${text(sources[1])} state different ${text(about)} (${text(subject)}): nothing was compared.</p>`
  }
  if (answer.status === 'too_different') return '<p class="bad">More differs than can be told apart.</p>'
  const { after, through, event, assets, lines, drift } = answer.report
  const verdict = drift ? '<p class="bad">Chain and ledger differ.</p>' : '<p class="good">Chain and ledger agree.</p>'
  const rows = lines.map(({ kind, asset, subject, chain, ledger }) => `<tr><td>${text(kind)}<td>${text(asset)}<td>${text(subject)}${number(chain)}${number(ledger)}</tr>`)
  return `${verdict}
<p>Blocks ${text(after + 1)} to ${text(through)}, the ledger up to event ${text(event)}.</p>
<table><tr><th>asset<th>matched<th>${DIFFERENCE_KINDS.map((kind) => text(kind.replaceAll('_', ' '))).join('<th>')}<th>hot<th>cold<th>custody<th>owed to users<th>suspense<th>reserved<th>in flight<th>difference<th>surplus</tr>
${assets.map(rowOf).join('\n')}
</table>
${rows.length === 0 ? '' : `<table><tr><th>difference<th>asset<th>about<th>chain<th>ledger</tr>\n${rows.join('\n')}\n</table>`}`
}

function rowOf({ asset, totals, ledger, onChain, inFlight, balanceDifference, surplus }: AssetReconciliation): string {
  const held = onChain.status === 'known' ? onChain : { hot: undefined, cold: undefined }
  const sums = [held.hot, held.cold, ledger.custody, ledger.users, ledger.suspense, ledger.pending, inFlight, balanceDifference, surplus]
  const counts = [totals.matched, ...DIFFERENCE_KINDS.map((kind) => totals[kind])].map((count) => `<td class="n">${text(count)}`)
  return `<tr><td>${text(asset)}${counts.join('')}${sums.map(number).join('')}</tr>`
}

function number(amount: bigint | undefined): string {
  return `<td class="n">${amount === undefined ? 'not known' : text(amount)}`
}

/** Names of assets and sources are strangers' words. */
function text(value: string | number | bigint): string {
  return String(value).replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`)
}
