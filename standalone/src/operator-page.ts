import { escapeHtml } from '@evegram/platform'
import { formatDecimalAmount } from '@evegram/protocol'
import type { Alarm, ChainStatus, WallyAsset } from '@evegram/wallet-bridge'
import { durationText } from './duration-text.js'
import type { AssetFacts, OperatorFacts } from './operator-facts.js'

/** Alarms that the page shows, the newest. */
const ALARMS_SHOWN_MAX = 20
/** Seconds after which the page asks again. */
export const OPERATOR_PAGE_REFRESH_S = 10
/** More events than this not dealt with, or blocks not booked: worth a look. */
const LAG_EVENTS = 100
const LAG_BLOCKS = 60
/** A chain is compared with the ledger every ten minutes: older than this says nothing of now. */
const COMPARED_WITHIN_MS = 1_800_000
/** Percent of a bar. */
const WHOLE = 100n

const STYLE = `
:root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--ink:#15181e;--soft:#667085;--line:#e3e6eb;--key:#2a6fdb;--good:#157f4a;--goodbg:#e3f5ea;--warn:#9a6200;--warnbg:#fdf1d7;--bad:#b3261e;--badbg:#fde8e6}
@media(prefers-color-scheme:dark){:root{--bg:#0f1216;--card:#181c22;--ink:#e8eaee;--soft:#98a2b3;--line:#2a3038;--key:#7aa9f7;--good:#5fd39a;--goodbg:#12301f;--warn:#f0bd5c;--warnbg:#362a10;--bad:#ff8f86;--badbg:#3b1714}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:var(--bg);color:var(--ink)}
main{max-width:64rem;margin:0 auto;padding:1.6rem 1rem 4rem}
header{display:flex;flex-wrap:wrap;gap:.3rem 1rem;align-items:baseline;justify-content:space-between}
h1{font-size:1.45rem;margin:0}h2{font-size:1.05rem;margin:0}h3{font-size:.8rem;margin:1.2rem 0 .35rem;color:var(--soft);font-weight:600}
.soft{color:var(--soft);font-size:.9rem}p{margin:.3rem 0}
.verdicts{display:grid;gap:.6rem;margin:1rem 0 1.2rem}.verdict{border-radius:.8rem;padding:.8rem 1.1rem;font-weight:600}.verdict p{font-weight:400;font-size:.92rem}
.good{background:var(--goodbg);color:var(--good)}.warn{background:var(--warnbg);color:var(--warn)}.bad{background:var(--badbg);color:var(--bad)}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr))}
.card{background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:1.1rem 1.2rem 1.2rem;min-width:0}
.top{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center}.top h2{margin-right:auto}
.pill{font-size:.8rem;font-weight:600;border-radius:1rem;padding:.1rem .65rem;white-space:nowrap}.pill.still{background:var(--line);color:var(--soft)}
dl{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.18rem 1rem;margin:.2rem 0}dt{color:var(--soft)}dd{margin:0;text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
dd.sum{font-weight:600}
.bar{height:.55rem;border-radius:.4rem;background:var(--line);overflow:hidden;margin:.5rem 0 .2rem}.bar i{display:block;height:100%;background:var(--key);border-radius:.4rem}.bar.short i{background:var(--bad)}
.flow{display:flex;flex-wrap:wrap;gap:.35rem;margin:.1rem 0;padding:0;list-style:none}.flow li{border:1px solid var(--line);border-radius:.5rem;padding:.15rem .6rem;font-size:.88rem}.flow b{margin-right:.35rem}
.wide{margin-top:1rem;overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}td,th{text-align:left;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600;font-size:.8rem}
td.break{overflow-wrap:anywhere;min-width:9rem}td.time{white-space:nowrap}tr:last-child td{border-bottom:0}
@media(max-width:42rem){tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}tr:first-child{display:none}tr:last-child{border-bottom:0}td{display:block;border:0;padding:.05rem 0}td:first-child{font-weight:600}td.times:before{content:"times: "}}
footer{margin-top:1.6rem}code{font-size:.9em}`

/** Names of the page. */
export interface OperatorPageNames {
  readonly domain: string
  readonly version: string
}

/** How the wallet bridge stands, for operators: read only, no scripts, nothing loaded from elsewhere. Whoever sees it has shown a credential of an operator. */
export function operatorPage({ domain, version }: OperatorPageNames, facts: OperatorFacts): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="refresh" content="${String(OPERATOR_PAGE_REFRESH_S)}"><title>Wallet bridge at ${escapeHtml(domain)}</title><style>${STYLE}</style></head><body><main>
<header><h1>Wallet bridge</h1><span class="soft">${escapeHtml(domain)} · ${escapeHtml(version)} · ${new Date(facts.nowMs).toISOString().slice(0, 19).replace('T', ' ')} UTC</span></header>
${verdict(facts)}
<div class="cards">${facts.chains.map((chain) => chainCard(chain, facts)).join('')}</div>
<section class="card wide"><div class="top"><h2>Ledger</h2><span class="soft">${facts.events.toLocaleString('en')} events</span></div>
<dl>${Object.entries(facts.lags).map(([reader, behind]) => `<dt>${escapeHtml(reader)}</dt><dd>${behind === 0 ? 'up to date' : `${behind.toLocaleString('en')} behind`}</dd>`).join('')}</dl></section>
<section class="card wide"><div class="top"><h2>Alarms</h2><span class="soft">${facts.alarms.length === 0 ? 'none since the start' : `the newest of ${String(facts.alarms.length)} since the start`}</span></div>
${facts.alarms.length === 0 ? '' : `<table><tr><th>what</th><th>chain</th><th>about</th><th>last</th><th>times</th></tr>${facts.alarms.slice(0, ALARMS_SHOWN_MAX).map((alarm) => alarmRow(alarm, facts.nowMs)).join('')}</table>`}</section>
<footer class="soft">Read only. Pause, approve and compare with <code>evegram wally</code>. ${facts.isWhole ? '' : 'The ledger is large: sums are of its first accounts. '}The page asks again every ${String(OPERATOR_PAGE_REFRESH_S)} s.</footer>
</main></body></html>`
}

/** Something that a person should look at, in a few words. */
interface Concern {
  readonly weight: 'bad' | 'warn'
  readonly text: string
}

/** What is wrong with a chain or its books, the worst first. */
export function concernsOf({ chains, assets, alarms, lags, isWhole, nowMs }: OperatorFacts): readonly Concern[] {
  const bad = (text: string): Concern => ({ weight: 'bad', text })
  const warn = (text: string): Concern => ({ weight: 'warn', text })
  const found: Concern[] = []
  for (const { chain, reconciled, pausedFor, working, final, booked, hot, open } of chains) {
    if (!working) found.push(warn(`${chain}: this server does not work on it`))
    if (reconciled === undefined) found.push(warn(`${chain}: not compared with the ledger since the start`))
    else if (nowMs - reconciled.atMs > COMPARED_WITHIN_MS) found.push(warn(`${chain}: compared with the ledger ${durationText(nowMs - reconciled.atMs)} ago`))
    if (reconciled !== undefined && isDrift(reconciled)) found.push(bad(`${chain}: chain and ledger differ`))
    if (final === undefined && working) found.push(warn(`${chain}: its sources do not answer`))
    if (final !== undefined && final - booked > LAG_BLOCKS) found.push(warn(`${chain}: deposits are ${String(final - booked)} blocks behind`))
    if (hot.some(({ held, topUpBelow }) => held !== undefined && held < topUpBelow)) found.push(warn(`${chain}: the hot wallet is below its bound`))
    if ((open.needs_operator ?? 0) > 0) found.push(bad(`${chain}: payouts that need a decision: ${String(open.needs_operator)}`))
    if ((open.awaiting_approval ?? 0) > 0) found.push(warn(`${chain}: payouts that wait for approval: ${String(open.awaiting_approval)}`))
    if (pausedFor === 'operator') found.push(warn(`${chain}: payouts are paused`))
    if (pausedFor === 'restored') found.push(warn(`${chain}: payouts are paused since the ledger was restored: compare, look into every difference, then resume`))
  }
  for (const { asset, custody, users, suspense } of assets) {
    if (isWhole && users + suspense > custody) found.push(bad(`${asset.symbol}: we owe more than we hold`))
    if (suspense > 0n) found.push(warn(`${asset.symbol}: money in suspense belongs to nobody yet`))
  }
  if (!isWhole) found.push(warn('The ledger is large: sums are of its first accounts, and do not say whether we hold what we owe'))
  for (const [reader, behind] of Object.entries(lags)) if (behind > LAG_EVENTS) found.push(warn(`${reader} are ${String(behind)} events behind`))
  const lately = alarms.filter(({ lastMs }) => nowMs - lastMs < 3_600_000).length
  if (lately > 0) found.push(warn(`${String(lately)} ${lately === 1 ? 'alarm' : 'alarms'} in the last hour`))
  return [...found.filter(({ weight }) => weight === 'bad'), ...found.filter(({ weight }) => weight === 'warn')]
}

function verdict(facts: OperatorFacts): string {
  const concerns = concernsOf(facts)
  if (concerns.length === 0) return '<div class="verdicts"><div class="verdict good">All is well<p>Chains and ledger agreed when they were compared last, we hold what we owe, and nothing waits for a person.</p></div></div>'
  const part = (weight: Concern['weight'], title: string): string => {
    const some = concerns.filter((concern) => concern.weight === weight)
    return some.length === 0 ? '' : `<div class="verdict ${weight}">${title}${some.map(({ text }) => `<p>${escapeHtml(text)}</p>`).join('')}</div>`
  }
  return `<div class="verdicts">${part('bad', 'Act now')}${part('warn', 'Look at this')}</div>`
}

function chainCard(status: ChainStatus, facts: OperatorFacts): string {
  const { chain, working, pausedFor, reconciled, final, booked, open } = status
  const pills = [
    working ? pill('good', 'working') : pill('still', 'waits for its lease'),
    ...(pausedFor === undefined ? [] : [pill('warn', pausedFor === 'restored' ? 'payouts paused: restored' : 'payouts paused')]),
    reconciled === undefined ? pill('still', 'not compared yet') : isDrift(reconciled) ? pill('bad', 'drift') : pill('good', 'no drift'),
  ]
  const flow = Object.entries(open).map(([state, count]) => `<li><b>${String(count)}</b>${escapeHtml(state.replaceAll('_', ' '))}</li>`)
  return `<section class="card"><div class="top"><h2>${escapeHtml(chain)}</h2>${pills.join('')}</div>
${facts.assets.filter(({ asset }) => asset.id.startsWith(`${chain}/`)).map((sums) => assetPart(sums, status, facts.isWhole)).join('')}
<h3>Payouts under way</h3>${flow.length === 0 ? '<p class="soft">none</p>' : `<ul class="flow">${flow.join('')}</ul>`}
<h3>Blocks</h3><dl><dt>final</dt><dd>${final === undefined ? 'unknown' : final.toLocaleString('en')}</dd><dt>deposits booked up to</dt><dd>${booked.toLocaleString('en')}</dd></dl>
<h3>Chain against ledger</h3><dl><dt>compared</dt><dd>${reconciled === undefined ? 'not yet' : `${escapeHtml(durationText(facts.nowMs - reconciled.atMs))} ago`}</dd>${driftRows(status, facts)}</dl></section>`
}

function assetPart({ asset, custody, users, reserved, suspense }: AssetFacts, { hot }: ChainStatus, isWhole: boolean): string {
  const wallet = hot.find((one) => one.asset === asset.id)
  const owed = users + suspense
  const covered = owed === 0n || custody >= owed ? WHOLE : custody > 0n ? custody * WHOLE / owed : 0n
  const coverage = `<div class="bar${covered < WHOLE ? ' short' : ''}"><i style="width:${String(covered)}%"></i></div><p class="soft">${covered < WHOLE
    ? `covers ${String(covered)} % of what we owe` : 'covers all that we owe'}</p>`
  return `<h3>${escapeHtml(asset.symbol)}</h3><dl><dt>held (ledger)</dt><dd class="sum">${amountText(custody, asset)}</dd>
<dt>owed to people</dt><dd>${amountText(users, asset)}</dd><dt>reserved of that</dt><dd>${amountText(reserved, asset)}</dd><dt>in suspense</dt><dd>${amountText(suspense, asset)}</dd></dl>
${isWhole ? coverage : '<p class="soft">sums are of the first accounts alone</p>'}
<dl><dt>hot wallet (chain)</dt><dd>${wallet?.held === undefined ? 'unknown' : amountText(wallet.held, asset)}</dd>
<dt>its bound</dt><dd>${wallet === undefined || wallet.topUpBelow === 0n ? 'none' : amountText(wallet.topUpBelow, asset)}</dd></dl>`
}

function driftRows({ reconciled }: ChainStatus, { assets }: OperatorFacts): string {
  if (reconciled?.answer.status !== 'done') return ''
  return reconciled.answer.report.assets.map(({ asset, balanceDifference, totals }) => {
    const known = assets.find((one) => one.asset.id === asset)?.asset
    const difference = balanceDifference === undefined || known === undefined ? 'unknown' : amountText(balanceDifference, known)
    return `<dt>${escapeHtml(known?.symbol ?? asset)} transfers that match</dt><dd>${totals.matched.toLocaleString('en')}</dd><dt>${escapeHtml(known?.symbol ?? asset)} balance differs by</dt><dd>${difference}</dd>`
  }).join('')
}

function alarmRow({ kind, chain, subject, reason, lastMs, times }: Alarm, nowMs: number): string {
  const about = [subject, reason].filter((text) => text !== undefined).join(', ')
  return `<tr><td>${escapeHtml(kind.replaceAll('_', ' '))}</td><td>${escapeHtml(chain ?? '')}</td><td class="break">${escapeHtml(about)}</td><td class="time">${escapeHtml(durationText(nowMs - lastMs))} ago</td><td class="times">${String(times)}</td></tr>`
}

function isDrift({ answer }: NonNullable<ChainStatus['reconciled']>): boolean {
  return answer.status !== 'done' || answer.report.drift
}

function pill(weight: 'good' | 'warn' | 'bad' | 'still', text: string): string {
  return `<span class="pill ${weight}">${escapeHtml(text)}</span>`
}

/** An amount as people read it, which may be below 0, with its symbol. */
function amountText(amount: bigint, { decimals, symbol }: WallyAsset): string {
  const [whole = '', ...fraction] = formatDecimalAmount(amount < 0n ? -amount : amount, decimals).split('.')
  return `${amount < 0n ? '−' : ''}${[BigInt(whole).toLocaleString('en'), ...fraction].join('.')} ${escapeHtml(symbol)}`
}
