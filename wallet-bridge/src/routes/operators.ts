import { FOR_OPERATORS, PAGE_POLICY, responses, timeAnswer, type HttpServer } from '@evegram/platform'
import { EvegramError, type Clock } from '@evegram/protocol'
import { z } from 'zod'
import { ALARM_KINDS } from '../alarm.js'
import type { ChainStatus } from '../chain-work.js'
import { PAYOUT_REASONS } from '../flows/payout/payout-reason.js'
import type { Payout } from '../flows/payout/payout.js'
import { PAYOUT_STATES } from '../flows/payout/payout-states.js'
import type { PayoutStore } from '../flows/payout/payout-store.js'
import type { ReconcileAnswer } from '../flows/reconcile/reconcile-flow.js'
import { ZERO } from '../ledger/amount.js'
import { decodeLedgerEvent } from '../ledger/event.js'
import { parseLedgerAccountId, parseTransferId } from '../ledger/ids.js'
import type { LedgerStore } from '../ledger/ledger-store.js'
import type { OperatorDesk, Proposal } from '../operator-desk.js'
import type { Wally } from '../wally-parts.js'
import type { Authentication } from './authenticate.js'
import { amountAnswer, blockField, BODY_BYTES_MAX, chainField, feeField, limitField, numberField, payoutIdField } from './fields.js'
import { plain } from './plain.js'
import { reconciliationPage } from './reconciliation-page.js'

const TAGS = ['Operators']
/** Verifying and comparing read everything: the caller waits for it, on a connection on which nothing moves meanwhile. */
const LONG_MS = 600_000
/** The first id that a suspense account can have. */
const FIRST_SUSPENSE = parseLedgerAccountId('suspense:-:a/-')
/** Suspense accounts of one answer: a reason for each asset that ever came. */
const SUSPENSE_MAX = 1_000

/** Parts of {@link operatorRoutes}. */
export interface OperatorRouteParts {
  readonly wally: Wally
  readonly desk: OperatorDesk
  readonly ledger: LedgerStore
  readonly payouts: Pick<PayoutStore, 'list'>
  readonly clock: Pick<Clock, 'now'>
  readonly authentication: Authentication
}

const payoutAnswer = z.looseObject({ id: z.string(), number: z.number(), chain: z.string(), account: z.string(), asset: z.string(), amount: amountAnswer, state: z.string() })
const accountAnswer = z.looseObject({ id: z.string(), asset: z.string(), kind: z.string(), debitsPosted: amountAnswer, creditsPosted: amountAnswer, closed: z.boolean() })
const transferAnswer = z.looseObject({ id: z.string(), kind: z.string(), debit: z.string(), credit: z.string(), amount: amountAnswer, number: z.number(), atMs: timeAnswer })
const proposalAnswer = z.object({
  payout: z.string(), chain: z.string(), asset: z.string(), amount: amountAnswer,
  outcome: z.object({ status: z.enum(['paid', 'failed']), fee: amountAnswer, tax: amountAnswer, reason: z.string().optional() }).describe('what the second person must say'),
  proposedBy: z.string(), proposedMs: timeAnswer, untilMs: timeAnswer.describe('from then on it must be proposed again'),
})
const statusAnswer = z.looseObject({ chain: z.string(), working: z.boolean(), paused: z.boolean(), booked: z.number() })
const reconcileAnswer = z.looseObject({ status: z.enum(['done', 'disagreed', 'too_different', 'past_differs']) })
const params = z.object({ id: payoutIdField })
const onChain = z.object({ chain: chainField })
const taxField = feeField.optional().describe('taken of the asset itself, beside the amount; nothing when left out')
const outcomeField = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('paid'), fee: feeField, tax: taxField }),
  z.strictObject({ status: z.literal('failed'), fee: feeField, tax: taxField, reason: z.enum(PAYOUT_REASONS.map(([reason]) => reason)) }),
]).describe('how it ended, as the chain shows it')

/** `/v1/wally/operator`: what operators see and do. Who acts is what the credential says, never what the body says. */
export function operatorRoutes(server: HttpServer, parts: OperatorRouteParts): void {
  lookingRoutes(server, parts)
  payoutRoutes(server, parts)
  workingRoutes(server, parts)
}

function lookingRoutes(server: HttpServer, { wally, ledger, authentication }: OperatorRouteParts): void {
  server.get('/v1/wally/operator/status', {
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'How chains, hot wallets, payouts and readers of the ledger stand',
      response: responses(200, z.object({ chains: z.array(statusAnswer), lags: z.record(z.string(), z.number()), alarms: z.number() })),
    },
  }, async (request) => {
    await authentication.operatorOf(request, 'read')
    return {
      chains: [...wally.chains.values()].map(({ status, address }) => statusOf(status, address)),
      lags: { ...wally.lags }, alarms: (await wally.alarms.list()).length,
    }
  })

  server.get('/v1/wally/operator/alarms', {
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'What somebody must look at, the newest first',
      response: responses(200, z.object({ alarms: z.array(z.looseObject({ kind: z.enum(ALARM_KINDS.map(([kind]) => kind)), firstMs: timeAnswer, lastMs: timeAnswer, times: z.number() })) })),
    },
  }, async (request) => {
    await authentication.operatorOf(request, 'read')
    return { alarms: (await wally.alarms.list()).map((alarm) => shown(alarm)) }
  })

  server.get('/v1/wally/operator/accounts', {
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Accounts of the ledger in the order of their ids',
      querystring: z.object({ after: z.string().max(256).optional().describe('id of the last account of the page before'), limit: limitField }),
      response: responses(200, z.object({ accounts: z.array(accountAnswer), event: z.number().describe('as of this event of the ledger') })),
    },
  }, async (request) => {
    await authentication.operatorOf(request, 'read')
    const { after, limit } = request.query
    const { accounts, number } = await ledger.accountsAfter(after === undefined ? undefined : parseLedgerAccountId(after), limit)
    return { accounts: accounts.map(shown), event: number }
  })

  server.get('/v1/wally/operator/suspense', {
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Money that came in and belongs to nobody yet, by reason and asset',
      response: responses(200, z.object({ accounts: z.array(z.object({ id: z.string(), asset: z.string(), reason: z.string(), held: amountAnswer })) })),
    },
  }, async (request) => {
    await authentication.operatorOf(request, 'read')
    const { accounts } = await ledger.accountsAfter(FIRST_SUSPENSE, SUSPENSE_MAX)
    return {
      accounts: accounts.filter(({ kind }) => kind === 'suspense').map(({ id, asset, creditsPosted, debitsPosted }) =>
        ({ id, asset, reason: id.split(':')[1] ?? '', held: String(creditsPosted - debitsPosted) })),
    }
  })

  server.get('/v1/wally/operator/transfers', {
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Transfers of the ledger in the order in which they happened, or one by its id',
      querystring: z.object({ id: z.string().max(200).optional(), after: numberField.default(0).describe('`through` of the page before'), limit: limitField }),
      response: responses(200, z.object({ transfers: z.array(transferAnswer), through: z.number().describe('event up to which was read') })),
    },
  }, async (request) => {
    await authentication.operatorOf(request, 'read')
    const { id, after, limit } = request.query
    if (id !== undefined) {
      const [found] = await ledger.transfers([parseTransferId(id)])
      if (found === undefined) throw new EvegramError('not_found.resource', { operation: 'read transfer' })
      return { transfers: [shown(found)], through: found.number }
    }
    const events = await ledger.events(after, limit)
    const changes = events.map(({ bytes }) => decodeLedgerEvent(bytes).change).filter((change) => 'ends' in change)
    return { transfers: changes.map(shown), through: events.at(-1)?.number ?? after }
  })
}

function payoutRoutes(server: HttpServer, { desk, payouts, authentication }: OperatorRouteParts): void {
  server.get('/v1/wally/operator/payouts', {
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Payouts of a chain in the order in which they were asked for',
      querystring: z.object({
        chain: chainField, state: z.enum(PAYOUT_STATES.map(([state]) => state)).optional().describe('all states when left out'), after: numberField.default(0), limit: limitField,
      }),
      response: responses(200, z.object({ payouts: z.array(payoutAnswer) })),
    },
  }, async (request) => {
    await authentication.operatorOf(request, 'read')
    const { chain, state, after, limit } = request.query
    const states = PAYOUT_STATES.map(([one]) => one).filter((one) => state === undefined || one === state)
    return { payouts: (await payouts.list({ chain: desk.work(chain).chain.chain, states, after, limit })).map(payoutOf) }
  })

  server.get('/v1/wally/operator/proposals', {
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Decisions about payouts that wait for a second person, the oldest first',
      response: responses(200, z.object({ proposals: z.array(proposalAnswer) })),
    },
  }, async (request) => {
    await authentication.operatorOf(request, 'read')
    return { proposals: (await desk.proposals()).map(proposalOf) }
  })

  server.get('/v1/wally/operator/payouts/:id', {
    schema: { tags: TAGS, security: FOR_OPERATORS, summary: 'A payout of anybody', params, response: responses(200, payoutAnswer) },
  }, async (request) => {
    await authentication.operatorOf(request, 'read')
    return payoutOf(await desk.payout(request.params.id))
  })

  server.post('/v1/wally/operator/payouts/:id/approve', {
    bodyLimit: BODY_BYTES_MAX,
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Approve a payout that awaits it', description: 'Not by who asked for it.',
      params, body: z.strictObject({}), response: responses(200, payoutAnswer),
    },
  }, async (request) => {
    const { person } = await authentication.operatorOf(request, 'approve')
    return payoutOf(await desk.approve(request.params.id, person))
  })

  server.post('/v1/wally/operator/payouts/:id/refuse', {
    bodyLimit: BODY_BYTES_MAX,
    schema: { tags: TAGS, security: FOR_OPERATORS, summary: 'Refuse a payout of which nothing is out', params, body: z.strictObject({}), response: responses(200, payoutAnswer) },
  }, async (request) => {
    const { person } = await authentication.operatorOf(request, 'approve')
    return payoutOf(await desk.refuse(request.params.id, person))
  })

  server.post('/v1/wally/operator/payouts/:id/decide', {
    bodyLimit: BODY_BYTES_MAX,
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Say how a payout ended that needs a person',
      description: '202: proposed, and done when another person says exactly the same. 200: done.',
      params, body: outcomeField, response: { ...responses(200, payoutAnswer), ...responses(202, payoutAnswer) },
    },
  }, async (request, reply) => {
    const { person } = await authentication.operatorOf(request, 'approve')
    const { status, payout } = await desk.decide(request.params.id, { ...request.body, tax: request.body.tax ?? ZERO }, person)
    return reply.code(status === 'proposed' ? 202 : 200).send(payoutOf(payout) )
  })
}

function workingRoutes(server: HttpServer, { wally, desk, clock, authentication }: OperatorRouteParts): void {
  for (const [verb, isPaused, summary] of [
    ['pause', true, 'Stop reserving, signing and broadcasting on a chain; what is out is watched to its end'], ['resume', false, 'Go on with payouts on a chain'],
  ] as const) {
    server.post(`/v1/wally/operator/chains/:chain/${verb}`, {
      bodyLimit: BODY_BYTES_MAX,
      schema: { tags: TAGS, security: FOR_OPERATORS, summary, params: onChain, body: z.strictObject({}), response: responses(200, z.object({ chain: z.string(), paused: z.boolean() })) },
    }, async (request) => {
      const { person } = await authentication.operatorOf(request, 'manage')
      await desk.work(request.params.chain).setPaused(isPaused, person)
      return { chain: request.params.chain, paused: isPaused }
    })
  }

  server.post('/v1/wally/operator/chains/:chain/reconcile', {
    bodyLimit: BODY_BYTES_MAX, handlerTimeout: LONG_MS,
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Compare a chain with the ledger now',
      description: 'Goes on from where it was compared last, with all that differed then, and moves no money. `at`: the last block that is compared. `fromStart`: reads everything. One at a time: 409 meanwhile.',
      params: onChain, querystring: z.object({ format: z.enum(['json', 'html']).default('json') }),
      body: z.strictObject({ at: blockField.optional(), fromStart: z.boolean().optional() }),
      response: {
        ...responses(200, reconcileAnswer),
        200: { description: 'As JSON, or as a page for people', content: { 'application/json': { schema: reconcileAnswer }, 'text/html': { schema: z.string() } } },
      },
    },
  }, async (request, reply) => {
    await authentication.operatorOf(request, 'manage')
    request.raw.socket.setTimeout(LONG_MS)
    const answer = await desk.work(request.params.chain).reconcile({ upTo: request.body.at, fromStart: request.body.fromStart })
    if (request.query.format === 'json') return answerOf(answer)
    void reply.header('content-security-policy', PAGE_POLICY)
    return reply.type('text/html; charset=utf-8').send(reconciliationPage({ chain: request.params.chain, nowMs: clock.now(), units: wally.assets }, answer) )
  })

  server.post('/v1/wally/operator/verify', {
    bodyLimit: BODY_BYTES_MAX, handlerTimeout: LONG_MS,
    schema: {
      tags: TAGS, security: FOR_OPERATORS, summary: 'Recompute the ledger: chain of events, balances, transfers',
      description: 'Note `head` elsewhere: it fixes everything before it. One at a time: 409 meanwhile.',
      body: z.strictObject({}), response: responses(200, z.looseObject({ status: z.enum(['sound', 'damaged']) })),
    },
  }, async (request) => {
    await authentication.operatorOf(request, 'manage')
    request.raw.socket.setTimeout(LONG_MS)
    return shown(await desk.verify())
  })
}

/** What {@link plain} makes of an object of ours has the fields of that object: the schemas of the answers name those that never change. */
function shown<Answer>(value: object): Answer {
  return plain(value) as Answer
}

function payoutOf({ memo, payment, ...payout }: Payout): z.input<typeof payoutAnswer> {
  return shown({ ...payout, memo: memo === undefined ? undefined : Buffer.from(memo).toString('utf8'), txid: payment?.txid })
}

function proposalOf({ payout: { id, chain, asset, amount }, outcome, proposedBy, proposedMs, untilMs }: Proposal): z.input<typeof proposalAnswer> {
  const { fee, tax } = outcome
  return { payout: id, chain, asset, amount: String(amount), outcome: { ...outcome, fee: String(fee), tax: String(tax) }, proposedBy, proposedMs, untilMs }
}

function statusOf({ reconciled, ...status }: ChainStatus, address: string): z.input<typeof statusAnswer> {
  const last = reconciled === undefined ? undefined : { atMs: reconciled.atMs, ...summaryOf(reconciled.answer) }
  return shown({ ...status, address, reconciled: last })
}

/** A reconciliation without its lines. */
function summaryOf(answer: ReconcileAnswer): object {
  if (answer.status !== 'done') return answer
  const { lines: _, ...report } = answer.report
  return { status: answer.status, ...report }
}

function answerOf(answer: ReconcileAnswer): { readonly status: ReconcileAnswer['status'] } {
  return shown(answer.status === 'done' ? { status: answer.status, ...answer.report } : answer)
}
