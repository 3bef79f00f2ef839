import { escapeHtml, PAGE_STYLE } from '@evegram/platform'
import { amountText, type AmountUnit } from '../amount-text.js'
import type { ReconcileAnswer } from '../flows/reconcile/reconcile-flow.js'
import type { AssetReconciliation, ReconciliationReport } from '../flows/reconcile/report.js'
import { DIFFERENCE_KINDS, type DifferenceKind, type DifferenceLine } from '../flows/reconcile/transfer-comparison.js'

/** What the kinds of differences mean to who reads the page. */
const MEANING: Readonly<Record<DifferenceKind, string>> = {
  missing_on_ledger: 'on the chain, not in the ledger', missing_on_chain: 'in the ledger, not on the chain', amount_differs: 'amount differs', unknown: 'no rule explains it',
}

/** What the page is about. */
export interface ReconciliationPageFacts {
  readonly chain: string
  readonly nowMs: number
  /** How people write amounts, by asset; of others amounts are shown in the smallest unit. */
  readonly units: ReadonlyMap<string, AmountUnit>
}

/** A reconciliation for people: a page without scripts, whose root element states the result to programs. */
export function reconciliationPage(facts: ReconciliationPageFacts, answer: ReconcileAnswer): string {
  const drift = answer.status === 'done' ? ` data-drift="${String(answer.report.drift)}"` : ''
  const title = `Reconciliation of ${escapeHtml(facts.chain)}`
  return `<!doctype html><html lang="en" data-status="${answer.status}"${drift}><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title><style>${PAGE_STYLE}</style></head><body><main>
<header><h1>${title}</h1><span class="soft">${new Date(facts.nowMs).toISOString().slice(0, 19).replace('T', ' ')} UTC</span></header>
${bodyOf(answer, facts)}
</main></body></html>
`
}

function bodyOf(answer: ReconcileAnswer, facts: ReconciliationPageFacts): string {
  if (answer.status === 'disagreed') {
    const { about, sources, subject } = answer.disagreement
    return verdict('bad', 'Nothing was compared', `The sources ${sources[0]} and ${sources[1]} state different ${about} (${subject}).`)
  }
  if (answer.status === 'too_different') return verdict('bad', 'Chain and ledger differ', 'More differs than can be told apart.')
  if (answer.status === 'past_differs') return verdict('bad', 'The ledger has another past', `Event ${whole(answer.event)}, up to which it was compared before, is another one or gone. Verify the ledger, then compare from the start.`)
  const { report } = answer
  return `${verdictOf(report)}
<p class="soft">Blocks ${whole(report.after + 1)} to ${whole(report.through)}, the ledger up to event ${whole(report.event)}. Nothing was changed.</p>
<div class="cards">${report.assets.map((asset) => assetCard(asset, facts)).join('')}</div>
${differencesOf(report, facts)}`
}

function verdictOf({ drift, assets }: ReconciliationReport): string {
  const owing = assets.filter(({ surplus = 0n }) => surplus < 0n).map(({ asset }) => asset)
  const owed = owing.length === 0 ? '' : verdict('bad', 'We owe more than there is', `On the chain is less than people are owed: ${owing.join(', ')}.`)
  return owed + (drift ? verdict('bad', 'Chain and ledger differ', 'Look into every difference below; nothing repairs itself.') : verdict('good', 'Chain and ledger agree', 'Every transfer is on both sides, and so are the balances.'))
}

function assetCard({ asset, totals, ledger, onChain, inFlight, balanceDifference, surplus }: AssetReconciliation, { units }: ReconciliationPageFacts): string {
  const amount = (value: bigint | undefined): string => amountOf(value, units.get(asset))
  const isHeld = onChain.status === 'known'
  const pill = balanceDifference === undefined ? '<span class="pill still">balance not known</span>' : balanceDifference === 0n
    ? '<span class="pill good">balance agrees</span>' : '<span class="pill bad">balance differs</span>'
  return `<section class="card"><div class="top"><h2>${escapeHtml(asset)}</h2>${pill}</div>
<h3>Transfers</h3><dl>${row('the same on both sides', whole(totals.matched))}${DIFFERENCE_KINDS.map((kind) => row(MEANING[kind], whole(totals[kind]), totals[kind] > 0)).join('')}</dl>
<h3>On the chain</h3><dl>${row('hot wallet', amount(isHeld ? onChain.hot : undefined))}${row('cold', amount(isHeld ? onChain.cold : undefined))}${row('in flight', amount(inFlight))}</dl>
<h3>In the ledger</h3><dl>${row('held by us', amount(ledger.custody))}${row('owed to people', amount(ledger.users))}${row('reserved of that', amount(ledger.pending))}${row('in suspense', amount(ledger.suspense))}</dl>
<h3>Chain against ledger</h3><dl>${row('balance differs by', amount(balanceDifference), balanceDifference !== undefined && balanceDifference !== 0n)}${
  row('held beyond what is owed', amount(surplus), surplus !== undefined && surplus < 0n)}</dl></section>`
}

function differencesOf({ assets, lines }: ReconciliationReport, { units }: ReconciliationPageFacts): string {
  if (lines.length === 0) return ''
  const all = assets.reduce((sum, { totals }) => sum + DIFFERENCE_KINDS.reduce((count, kind) => count + totals[kind], 0), 0)
  const rows = lines.map(({ kind, asset, subject, chain, ledger }: DifferenceLine) =>
    `<tr><td>${escapeHtml(MEANING[kind])}</td><td>${escapeHtml(asset)}</td><td class="break">${escapeHtml(subject)}</td><td class="chain">${sideOf(chain, units.get(asset))}</td><td class="ledger">${sideOf(ledger, units.get(asset))}</td></tr>`)
  return `<section class="card wide"><div class="top"><h2>Differences</h2><span class="soft">${all > lines.length ? `the first ${whole(lines.length)} of ${whole(all)}` : whole(lines.length)}</span></div>
<table><tr><th>what</th><th>asset</th><th>about</th><th>chain says</th><th>ledger says</th></tr>
${rows.join('\n')}
</table></section>`
}

function verdict(weight: 'good' | 'bad', title: string, why: string): string {
  return `<div class="verdicts"><div class="verdict ${weight}">${escapeHtml(title)}<p>${escapeHtml(why)}</p></div></div>`
}

function row(name: string, value: string, isBad = false): string {
  return `<dt>${escapeHtml(name)}</dt><dd${isBad ? ' class="is-bad"' : ''}>${value}</dd>`
}

function sideOf(amount: bigint | undefined, unit: AmountUnit | undefined): string {
  return amount === undefined ? 'nothing' : amountOf(amount, unit)
}

function amountOf(amount: bigint | undefined, unit: AmountUnit | undefined): string {
  return amount === undefined ? 'not known' : amountText(amount, unit ?? { symbol: 'units', decimals: 0 })
}

function whole(count: number): string {
  return count.toLocaleString('en')
}
