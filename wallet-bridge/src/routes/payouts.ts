import { bytesField, responses, SIGNED_IN, timeAnswer, type HttpServer } from '@evegram/platform'
import { z } from 'zod'
import { clientIdOf, type Payout } from '../flows/payout/payout.js'
import { PAYOUT_STATES } from '../flows/payout/payout-states.js'
import { WITHDRAWAL_PROOF_BYTES_MAX } from '../flows/payout/withdrawal-proofs.js'
import type { UserPayouts } from '../user-payouts.js'
import type { Authentication } from './authenticate.js'
import { addressField, amountAnswer, amountField, assetField, BODY_BYTES_MAX, clientIdField, limitField, memoField, numberField } from './fields.js'

const TAGS = ['Payouts']
const NO_PROOF = new Uint8Array()

const payoutAnswer = z.object({
  id: z.string(), number: z.number(), chain: z.string(), asset: z.string(), amount: amountAnswer, to: z.string(), memo: z.string().optional(),
  feeMax: amountAnswer.describe('reserved for the network'), taxMax: amountAnswer.describe('reserved of the asset itself for a tax in it'),
  feeFrom: z.enum(['account', 'house']), createdMs: timeAnswer,
  state: z.enum(PAYOUT_STATES.map(([state]) => state)).describe('docs/payouts.md'), reason: z.string().optional(), txid: z.string().optional(),
  fee: amountAnswer.optional(), tax: amountAnswer.optional(),
})
const wish = { asset: assetField, amount: amountField, to: addressField, memo: memoField.optional() }

/** `/v1/wally/payouts`: what people take out. */
export function payoutRoutes(server: HttpServer, { payouts, authentication }: { readonly payouts: UserPayouts; readonly authentication: Authentication }): void {
  server.post('/v1/wally/payouts/quote', {
    bodyLimit: BODY_BYTES_MAX,
    schema: {
      tags: TAGS, security: SIGNED_IN, summary: 'What a payout would cost, and the one form of its destination',
      description: 'Compare the destination with your own before a wallet signs for it. Nothing is reserved.',
      body: z.strictObject(wish),
      response: responses(200, z.object({
        chain: z.string(), to: z.string(), feeAsset: z.string(), feeMax: amountAnswer, taxMax: amountAnswer.describe('of the asset itself, beside the amount'),
        feeFrom: z.enum(['account', 'house']), holdMs: z.number(), needsApproval: z.boolean(),
        refusal: z.string().optional().describe('why it would be refused'),
      })),
    },
  }, async (request) => {
    await authentication.callerOf(request)
    const { memo, ...what } = request.body
    const { refusal, ...quote } = payouts.quote({ ...what, memo })
    return { ...quote, feeMax: String(quote.feeMax), taxMax: String(quote.taxMax), ...(refusal === undefined ? {} : { refusal }) }
  })

  server.post('/v1/wally/payouts', {
    bodyLimit: BODY_BYTES_MAX,
    schema: {
      tags: TAGS, security: SIGNED_IN, summary: 'Take money out to an address',
      description: '201 when it was asked for now, 200 when it was asked for before under this id. `proof`: CBOR of a wallet proof of purpose `withdraw` over id, chain, asset, '
        + 'amount, destination and memo; left out only towards the founding wallet, within the limit of a day.',
      body: z.strictObject({ id: clientIdField, ...wish, proof: bytesField(1, WITHDRAWAL_PROOF_BYTES_MAX).optional() }),
      response: { ...responses(201, payoutAnswer), ...responses(200, payoutAnswer) },
    },
  }, async (request, reply) => {
    const { account } = await authentication.callerOf(request)
    const { id, memo, proof = NO_PROOF, ...what } = request.body
    const { status, payout } = await payouts.request(account, id, { ...what, memo, proof })
    return reply.code(status === 'created' ? 201 : 200).send(payoutOf(payout))
  })

  server.get('/v1/wally/payouts', {
    schema: {
      tags: TAGS, security: SIGNED_IN, summary: 'Payouts of the account, the newest first',
      querystring: z.object({ before: numberField.optional().describe('number of the last one of the page before'), limit: limitField }),
      response: responses(200, z.object({ payouts: z.array(payoutAnswer) })),
    },
  }, async (request) => {
    const { account } = await authentication.callerOf(request)
    return { payouts: (await payouts.list(account, request.query.before, request.query.limit)).map(payoutOf) }
  })

  server.get('/v1/wally/payouts/:id', {
    schema: { tags: TAGS, security: SIGNED_IN, summary: 'A payout of the account', params: z.object({ id: clientIdField }), response: responses(200, payoutAnswer) },
  }, async (request) => {
    const { account } = await authentication.callerOf(request)
    return payoutOf(await payouts.get(account, request.params.id))
  })
}

function payoutOf({ id, number, chain, asset, amount, to, memo, feeMax, taxMax, feeFrom, createdMs, state, reason, payment, outcome }: Payout): z.input<typeof payoutAnswer> {
  return {
    id: clientIdOf(id), number, chain, asset, amount: String(amount), to, feeMax: String(feeMax), taxMax: String(taxMax), feeFrom, createdMs, state,
    ...(memo === undefined ? {} : { memo: Buffer.from(memo).toString('utf8') }), ...(reason === undefined ? {} : { reason }),
    ...(payment === undefined ? {} : { txid: payment.txid }), ...(outcome === undefined ? {} : { fee: String(outcome.fee), tax: String(outcome.tax) }),
  }
}
