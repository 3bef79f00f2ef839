import { escapeHtml, PAGE_STYLE } from '@evegram/platform'
import { amountText, type Alarm, type ChainStatus } from '@evegram/wallet-bridge'
import { durationText } from './duration-text.js'
import type { AssetFacts, OperatorFacts } from './operator-facts.js'
import type { OperatorSession } from './operator-sessions.js'

/** Alarms that the page shows, the newest. */
const ALARMS_SHOWN_MAX = 20
/** Where the page of operators is; their browsers send the cookie of their session there and nowhere else. */
export const OPERATOR_PAGE_PATH = '/operator'
/** Where a browser ends its session. */
export const SIGN_OUT_PATH = `${OPERATOR_PAGE_PATH}/sign-out`
/** Seconds after which the page asks again. */
export const OPERATOR_PAGE_REFRESH_S = 10
/** More events than this not dealt with, or blocks not booked: worth a look. */
const LAG_EVENTS = 100
const LAG_BLOCKS = 60
/** A chain is compared with the ledger every ten minutes: older than this says nothing of now. */
const COMPARED_WITHIN_MS = 1_800_000
/** Who reads the ledger, as the page calls them. */
const READERS = [['statements', 'statements of accounts'], ['notices', 'notices to people'], ['relay', 'event stream']] as const satisfies readonly (readonly [keyof OperatorFacts['lags'], string])[]
/** States of payouts in which a person is waited for. */
const WAITING: Readonly<Record<string, Concern['weight']>> = { needs_operator: 'bad', awaiting_approval: 'warn' }
/** Percent of a bar. */
const WHOLE = 100n

/** Names of the page. */
export interface OperatorPageNames {
  readonly domain: string
  readonly version: string
}

/**
 * How the wallet bridge stands, for operators: read only, no scripts, nothing loaded from elsewhere. Whoever sees it has shown a credential of an operator;
 * `session`: in which browser.
 */
export function operatorPage({ domain, version }: OperatorPageNames, facts: OperatorFacts, session?: OperatorSession): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="refresh" content="${String(OPERATOR_PAGE_REFRESH_S)}"><title>Wallet bridge at ${escapeHtml(domain)}</title><style>${PAGE_STYLE}</style></head><body><main>
<header><h1>Wallet bridge</h1><span class="soft">${escapeHtml(domain)} · ${escapeHtml(version)} · ${new Date(facts.nowMs).toISOString().slice(0, 19).replace('T', ' ')} UTC</span></header>
${verdict(facts)}
<div class="cards">${facts.chains.map((chain) => chainCard(chain, facts)).join('')}</div>
<section class="card wide"><div class="top"><h2>Ledger</h2><span class="soft">${facts.events.toLocaleString('en')} events</span></div>
<dl>${READERS.map(([reader, name]) => lagRow(name, facts.lags[reader])).join('')}</dl></section>
<section class="card wide"><div class="top"><h2>Alarms</h2><span class="soft">${facts.alarms.length === 0 ? 'none remembered' : `the newest of ${String(facts.alarms.length)} that are remembered`}</span></div>
${facts.alarms.length === 0 ? '' : `<table><tr><th>what</th><th>chain</th><th>about</th><th>last</th><th>times</th></tr>${facts.alarms.slice(0, ALARMS_SHOWN_MAX).map((alarm) => alarmRow(alarm, facts.nowMs)).join('')}</table>`}</section>
<footer class="soft">Read only. Pause, approve and compare with <code>evegram wally</code>. ${facts.isWhole ? '' : 'The ledger is large: sums are of its first accounts. '}The page asks again every ${String(OPERATOR_PAGE_REFRESH_S)} s.${session === undefined ? '' : signOutForm(session)}</footer>
</main></body></html>`
}

function signOutForm({ person, untilMs }: OperatorSession): string {
  return `<form method="post" action="${SIGN_OUT_PATH}"><span>Signed in as ${escapeHtml(person)} until ${new Date(untilMs).toISOString().slice(11, 16)} UTC</span><button>Sign out</button></form>`
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
  const flow = Object.entries(open).map(([state, count]) => `<li${marked(WAITING[state])}><b>${String(count)}</b>${escapeHtml(state.replaceAll('_', ' '))}</li>`)
  return `<section class="card"><div class="top"><h2>${escapeHtml(chain)}</h2>${pills.join('')}</div>
${facts.assets.filter(({ asset }) => asset.id.startsWith(`${chain}/`)).map((sums) => assetPart(sums, status, facts.isWhole)).join('')}
<h3>Payouts under way</h3>${flow.length === 0 ? '<p class="soft">none</p>' : `<ul class="flow">${flow.join('')}</ul>`}
<h3>Blocks</h3><dl><dt>final</dt><dd>${final === undefined ? 'unknown' : final.toLocaleString('en')}</dd><dt>deposits booked up to</dt><dd>${booked.toLocaleString('en')}</dd>${final === undefined || final <= booked ? '' : lagRow('not booked yet', final - booked, LAG_BLOCKS)}</dl>
<h3>Chain against ledger</h3><dl><dt>compared</dt><dd>${reconciled === undefined ? 'not yet' : `${escapeHtml(durationText(facts.nowMs - reconciled.atMs))} ago`}</dd>${driftRows(status, facts)}</dl></section>`
}

function assetPart({ asset, custody, users, reserved, suspense }: AssetFacts, { hot }: ChainStatus, isWhole: boolean): string {
  const wallet = hot.find((one) => one.asset === asset.id)
  const owed = users + suspense
  const covered = owed === 0n || custody >= owed ? WHOLE : custody > 0n ? custody * WHOLE / owed : 0n
  const coverage = `<svg class="bar${covered < WHOLE ? ' short' : ''}" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect width="${String(covered)}" height="1"/></svg><p class="soft">${covered < WHOLE
    ? `covers ${String(covered)} % of what we owe` : 'covers all that we owe'}</p>`
  return `<h3>${escapeHtml(asset.symbol)}</h3><dl><dt>held (ledger)</dt><dd class="sum">${amountText(custody, asset)}</dd>
<dt>owed to people</dt><dd>${amountText(users, asset)}</dd><dt>reserved of that</dt><dd>${amountText(reserved, asset)}</dd><dt>in suspense</dt><dd${marked(suspense > 0n ? 'warn' : undefined)}>${amountText(suspense, asset)}</dd></dl>
${isWhole ? coverage : '<p class="soft">sums are of the first accounts alone</p>'}
<dl><dt>hot wallet (chain)</dt><dd>${wallet?.held === undefined ? 'unknown' : amountText(wallet.held, asset)}</dd>
<dt>its bound</dt><dd>${wallet === undefined || wallet.topUpBelow === 0n ? 'none' : amountText(wallet.topUpBelow, asset)}</dd></dl>`
}

function driftRows({ reconciled }: ChainStatus, { assets }: OperatorFacts): string {
  if (reconciled?.answer.status !== 'done') return ''
  return reconciled.answer.report.assets.map(({ asset, balanceDifference, totals }) => {
    const known = assets.find((one) => one.asset.id === asset)?.asset
    const difference = balanceDifference === undefined || known === undefined ? 'unknown' : amountText(balanceDifference, known)
    return `<dt>${escapeHtml(known?.symbol ?? asset)} transfers that match</dt><dd>${totals.matched.toLocaleString('en')}</dd><dt>${escapeHtml(known?.symbol ?? asset)} balance differs by</dt><dd${marked(balanceDifference === 0n ? undefined : 'bad')}>${difference}</dd>`
  }).join('')
}

/** How far somebody is behind, in events or blocks; marked beyond `most`. */
function lagRow(name: string, behind: number, most = LAG_EVENTS): string {
  return `<dt>${escapeHtml(name)}</dt><dd${marked(behind > most ? 'warn' : undefined)}>${behind === 0 ? 'up to date' : `${behind.toLocaleString('en')} behind`}</dd>`
}

function marked(weight: Concern['weight'] | undefined): string {
  return weight === undefined ? '' : ` class="is-${weight}"`
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
