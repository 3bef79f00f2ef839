import { readFileSync } from 'node:fs'
import { EvegramError } from '@evegram/protocol'
import { openOperator, type OperatorApi } from '@evegram/sdk'
import { LEDGER_STARTING } from '../alarms.js'
import { confirmPayment } from '../confirm-payment.js'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { recordText } from '../record-text.js'
import { visible } from '../visible.js'

/** What every operator command takes. */
export interface OperatorOptions {
  /** File that holds the operator token. */
  readonly token?: string
}
/** Options of lists. */
export interface ListOptions extends OperatorOptions {
  readonly after?: string
  readonly limit: number
}

type Fields = Readonly<Record<string, unknown>>
/** A token is 32 bytes in some text form; a file that is larger is none. */
const TOKEN_CHARACTERS_MAX = 256
/** How the page of a reconciliation begins that found chain and ledger equal (docs/wally-api.md). */
const NO_DRIFT_PAGE = '<!doctype html><html lang="en" data-status="done" data-drift="false">'

/** `evegram wally status`: how chains, hot wallets, payouts and readers of the ledger stand. */
export async function wallyStatus(context: Context, options: OperatorOptions): Promise<void> {
  await asOperator(context, options, async (api) => {
    const status = await api.read('status')
    if (context.output.json) return context.output.result(status, '')
    for (const chain of listOf(status, 'chains')) await context.output.result(chain, recordText(chain, context.output))
    const { chains: _chains, ...rest } = status
    await context.output.result(rest, recordText(rest, context.output))
  })
}

/** `evegram wally accounts`, `transfers`, `suspense`, `alarms`, `proposals`: one object a line. */
export async function wallyList(context: Context, what: 'accounts' | 'transfers' | 'suspense' | 'alarms' | 'proposals', options: ListOptions): Promise<void> {
  await asOperator(context, options, async (api) => {
    const isPaged = what === 'accounts' || what === 'transfers'
    const answer = await api.read(isPaged ? `${what}?${query({ after: options.after, limit: String(options.limit) })}` : what)
    await printAll(context, listOf(answer, what === 'suspense' ? 'accounts' : what))
    if (what === 'transfers') context.output.note(`more: --after ${visible(String(answer['through']))}`)
  })
}

/** `evegram wally transfer`: one transfer by its id. */
export async function wallyTransfer(context: Context, id: string, options: OperatorOptions): Promise<void> {
  await asOperator(context, options, async (api) => { await printAll(context, listOf(await api.read(`transfers?${query({ id })}`), 'transfers')) })
}

/** `evegram wally payouts`: payouts of a chain in the order in which they were asked for. */
export async function wallyPayouts(context: Context, options: ListOptions & { readonly chain: string; readonly state?: string }): Promise<void> {
  await asOperator(context, options, async (api) => {
    const { chain, state, after, limit } = options
    await printAll(context, listOf(await api.read(`payouts?${query({ chain, state, after, limit: String(limit) })}`), 'payouts'))
  })
}

/** `evegram wally payout`: one payout by its id, `<account>.<client id>`. */
export async function wallyPayout(context: Context, id: string, options: OperatorOptions): Promise<void> {
  await asOperator(context, options, async (api) => { await print(context, await api.read(`payouts/${encodeURIComponent(id)}`)) })
}

/** `evegram wally approve` and `refuse`: shows the payout whole, asks, and acts. */
export async function wallyJudge(context: Context, verb: 'approve' | 'refuse', id: string, options: OperatorOptions & { readonly yes?: boolean }): Promise<void> {
  await asOperator(context, options, async (api) => {
    const path = `payouts/${encodeURIComponent(id)}`
    if (options.yes !== true) context.output.note(recordText(await api.read(path), context.output))
    await confirmPayment(context.output, `${verb === 'approve' ? 'Approve' : 'Refuse'} this payout?`, options.yes)
    await print(context, await api.act(`${path}/${verb}`, {}))
  })
}

/** `evegram wally decide`: says how a payout ended that needs a person. The first word is a proposal, another person must say exactly the same. */
export async function wallyDecide(
  context: Context, id: string, status: string, options: OperatorOptions & { readonly fee: string; readonly tax?: string; readonly reason?: string; readonly yes?: boolean },
): Promise<void> {
  if (status !== 'paid' && status !== 'failed') throw new EvegramError('invalid.argument', { operation: 'decide payout', advice: 'It ended paid or failed.' })
  if ((status === 'failed') !== (options.reason !== undefined)) throw new EvegramError('invalid.argument', { operation: 'decide payout', advice: 'A payout that failed has a --reason, one that was paid has none.' })
  await asOperator(context, options, async (api) => {
    const path = `payouts/${encodeURIComponent(id)}`
    if (options.yes !== true) context.output.note(recordText(await api.read(path), context.output))
    await confirmPayment(context.output, `Book it as ${status}? Look at the chain first: this cannot be taken back.`, options.yes)
    await print(context, await api.act(`${path}/decide`, {
      status, fee: options.fee, ...(options.tax === undefined ? {} : { tax: options.tax }), ...(options.reason === undefined ? {} : { reason: options.reason }),
    }))
  })
}

/** `evegram wally pause` and `resume`: payouts of a chain. */
export async function wallyPause(context: Context, verb: 'pause' | 'resume', chain: string, options: OperatorOptions): Promise<void> {
  await asOperator(context, options, async (api) => { await print(context, await api.act(`chains/${encodeURIComponent(chain)}/${verb}`, {})) })
}

/** `evegram wally reconcile`: compares a chain with the ledger. From where it was compared last, or from the start. Exit code 1 when they differ, when the sources disagree, or when there is too much to list. */
export async function wallyReconcile(
  context: Context, options: OperatorOptions & { readonly chain: string; readonly at?: number; readonly fromStart?: boolean; readonly html?: boolean },
): Promise<void> {
  await asOperator(context, options, async (api) => {
    const path = `chains/${encodeURIComponent(options.chain)}/reconcile`
    const body = { ...(options.at === undefined ? {} : { at: options.at }), ...(options.fromStart === true ? { fromStart: true } : {}) }
    if (options.html === true && !context.output.json) {
      // One comparison: the page says itself how it ended.
      const page = await api.page(`${path}?format=html`, body)
      if (!page.startsWith(NO_DRIFT_PAGE)) process.exitCode = EXIT_CODES.failed[0]
      return context.output.result({}, visible(page))
    }
    const report = await api.act(path, body)
    if (report['status'] !== 'done' || report['drift'] !== false) process.exitCode = EXIT_CODES.failed[0]
    if (context.output.json) await context.output.result(report, '')
    else {
      const { assets: _assets, lines: _lines, ...head } = report
      await print(context, head)
      await printAll(context, listOf(report, 'assets'))
      await printAll(context, listOf(report, 'lines'))
    }
  })
}

/** `evegram wally audit verify`: recomputes chain of events, balances and transfers of the ledger. Exit code 1 when something is damaged. */
export async function wallyVerify(context: Context, options: OperatorOptions): Promise<void> {
  await asOperator(context, options, async (api) => {
    const found = await api.act('verify', {})
    if (found['status'] !== 'sound') process.exitCode = EXIT_CODES.failed[0]
    await print(context, found)
  })
}

/** With the token of `--token` or EVEGRAM_OPERATOR_TOKEN, else as the account of the profile, which the server may know as an operator. */
async function asOperator(context: Context, { token }: OperatorOptions, work: (api: OperatorApi) => Promise<void>): Promise<void> {
  const given = token === undefined ? context.operatorToken : readToken(token)
  if (given !== undefined) return work(await openOperator({ url: context.server, token: given, ledgerStarting: () => { context.output.note(LEDGER_STARTING) } }))
  return context.withClient((client) => work(client.operator))
}

function readToken(path: string): string {
  try {
    const token = readFileSync(path, 'utf8').trim()
    if (token !== '' && token.length <= TOKEN_CHARACTERS_MAX && /^\S+$/.test(token)) return token
  } catch (cause) {
    throw new EvegramError('invalid.argument', { operation: 'read operator token', advice: 'The file of --token cannot be read.', cause })
  }
  throw new EvegramError('invalid.argument', { operation: 'read operator token', advice: 'The file of --token holds no operator token.' })
}

function query(fields: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`])).join('&')
}

function listOf(answer: Fields, name: string): readonly Fields[] {
  const list = answer[name]
  if (!Array.isArray(list)) return []
  return list.filter((item: unknown): item is Fields => typeof item === 'object' && item !== null)
}

async function printAll(context: Context, list: readonly Fields[]): Promise<void> {
  for (const item of list) await context.output.result(item, `${recordText(item, context.output)}\n`)
}

function print(context: Context, item: Fields): Promise<void> {
  return context.output.result(item, recordText(item, context.output))
}
