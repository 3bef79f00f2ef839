import { accountField, responses, SIGNED_IN, timeAnswer, type HttpServer } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { z } from 'zod'
import type { StatementLine } from '../ledger/statement.js'
import type { Transfer } from '../ledger/transfer.js'
import type { Wally } from '../wally-parts.js'
import type { Authentication } from './authenticate.js'
import { amountAnswer, amountField, assetField, BODY_BYTES_MAX, chainField, clientIdField, limitField, numberField } from './fields.js'

const TAGS = ['Money']

const assetAnswer = z.object({
  asset: z.string(), chain: z.string(), native: z.boolean().describe('fees of its chain are paid in it'), symbol: z.string(),
  decimals: z.number().describe('places behind the point in which people write amounts'), depositMin: amountAnswer,
  payout: z.object({
    min: amountAnswer, max: amountAnswer, accountDayMax: amountAnswer.describe('what one account may ask for within 24 hours'),
    approvalAbove: amountAnswer.describe('above it a second person must approve'),
    feeReserve: z.object({ asset: z.string(), fixed: amountAnswer, ppm: z.number(), from: z.enum(['account', 'house']) }),
    taxPpm: z.number().describe('reserved beside an amount for a tax in the asset itself, in parts of a million'),
    holdMs: z.number().describe('payouts wait so long after a device or wallet was added'),
  }).optional().describe('absent: it is not paid out'),
})
const balanceAnswer = z.object({
  asset: z.string(), held: amountAnswer, reserved: amountAnswer.describe('for payouts under way'), available: amountAnswer, closed: z.boolean(),
})
const lineAnswer = z.object({
  number: z.number(), atMs: timeAnswer, transfer: z.string().describe('u:<account>:<client id>, d:<chain>:<transaction>:<index>, p:<payout>, ...'),
  kind: z.enum(['transfer', 'pending', 'post', 'void', 'expire']), direction: z.enum(['in', 'out']), amount: amountAnswer.describe('moved; reserved by pending'), purpose: z.string(),
  other: z.string().optional().describe('the account on the other side, where that is a person'),
  after: z.object({ held: amountAnswer, reserved: amountAnswer }).describe('what the account held after it'),
})
const transferAnswer = z.object({ id: z.string(), to: z.string(), asset: z.string(), amount: amountAnswer, number: z.number(), atMs: timeAnswer })

/** `/v1/wally`: what people hold, and what they send each other. */
export function moneyRoutes(server: HttpServer, { wally, authentication }: { readonly wally: Wally; readonly authentication: Authentication }): void {
  const { money, places, chains, assets } = wally

  server.get('/v1/wally/assets', {
    schema: { tags: TAGS, security: SIGNED_IN, summary: 'Assets that are held here, and what payouts of them may be', response: responses(200, z.object({ assets: z.array(assetAnswer) })) },
  }, async (request) => {
    await authentication.callerOf(request)
    return {
      assets: [...assets.values()].map(({ id, symbol, decimals, depositMin }) => {
        const { chain, policy } = wally.workOf(id)
        const limits = policy.assets.get(id)
        return {
          asset: id, chain: chain.chain, native: id === chain.nativeAsset, symbol, decimals, depositMin: String(depositMin),
          ...(limits === undefined ? {} : {
            payout: {
              min: String(limits.payoutMin), max: String(limits.payoutMax), accountDayMax: String(limits.accountDayMax), approvalAbove: String(limits.approvalAbove),
              feeReserve: { asset: chain.nativeAsset, fixed: String(policy.feeReserve.fixed), ppm: policy.feeReserve.ppm, from: policy.feeFrom },
              taxPpm: limits.taxPpm ?? 0, holdMs: policy.holdMs,
            },
          }),
        }
      }),
    }
  })

  server.get('/v1/wally/balances', {
    schema: { tags: TAGS, security: SIGNED_IN, summary: 'What the account holds, of each asset that it ever held', response: responses(200, z.object({ balances: z.array(balanceAnswer) })) },
  }, async (request) => {
    const { account } = await authentication.callerOf(request)
    const balances = await money.balances(account)
    return { balances: balances.map((one) => ({ ...one, held: String(one.held), reserved: String(one.reserved), available: String(one.available) })) }
  })

  server.get('/v1/wally/statement', {
    schema: {
      tags: TAGS, security: SIGNED_IN, summary: 'What moved over the account, the newest first',
      description: 'Everything that moved before it was asked for is in it. Ask for the next page with the number of the last line as `before`.',
      querystring: z.object({ asset: assetField, before: numberField.optional(), limit: limitField }),
      response: responses(200, z.object({ lines: z.array(lineAnswer) })),
    },
  }, async (request) => {
    const { account } = await authentication.callerOf(request)
    const { asset, before, limit } = request.query
    return { lines: (await money.statement(account, asset, before, limit)).map(lineOf) }
  })

  server.post('/v1/wally/deposit-address', {
    bodyLimit: BODY_BYTES_MAX,
    schema: {
      tags: TAGS, security: SIGNED_IN, summary: 'Where to pay, so that it arrives at this account',
      description: 'The address is shared: without the memo the money finds nobody. The same account always gets the same memo.',
      body: z.strictObject({ chain: chainField }),
      response: responses(200, z.object({ chain: z.string(), address: z.string(), memo: z.string() })),
    },
  }, async (request) => {
    const { account } = await authentication.callerOf(request)
    const work = chains.get(request.body.chain)
    if (work === undefined) throw new EvegramError('not_found.resource', { operation: 'find chain' })
    return { chain: work.chain.chain, address: work.address, memo: await places.codeOf(account) }
  })

  server.post('/v1/wally/transfers', {
    bodyLimit: BODY_BYTES_MAX,
    schema: {
      tags: TAGS, security: SIGNED_IN, summary: 'Send money to another account, at once',
      description: '201 when it was done now, 200 when it was done before under this id. A note goes end to end encrypted through the chat, never here.',
      body: z.strictObject({ id: clientIdField, to: accountField, asset: assetField, amount: amountField }),
      response: { ...responses(201, transferAnswer), ...responses(200, transferAnswer) },
    },
  }, async (request, reply) => {
    const { account } = await authentication.callerOf(request)
    const { id: clientId, ...what } = request.body
    const { status, transfer } = await money.send({ from: account, clientId, ...what })
    return reply.code(status === 'created' ? 201 : 200).send(transferOf(clientId, transfer))
  })

  server.get('/v1/wally/transfers/:id', {
    schema: {
      tags: TAGS, security: SIGNED_IN, summary: 'A transfer that this account made', params: z.object({ id: clientIdField }), response: responses(200, transferAnswer),
    },
  }, async (request) => {
    const { account } = await authentication.callerOf(request)
    return transferOf(request.params.id, await money.transfer(account, request.params.id))
  })
}

function transferOf(id: string, { credit, asset, amount, number, atMs }: Transfer): z.input<typeof transferAnswer> {
  return { id, to: ownerOf(credit) ?? '', asset, amount: String(amount), number, atMs }
}

function lineOf({ number, atMs, transfer, kind, side, amount, purpose, other, after }: StatementLine): z.input<typeof lineAnswer> {
  const person = ownerOf(other)
  return {
    number, atMs, transfer, kind, direction: side === 'credit' ? 'in' : 'out', amount: String(amount), purpose, ...(person === undefined ? {} : { other: person }),
    after: { held: String(after.creditsPosted - after.debitsPosted), reserved: String(after.debitsPending) },
  }
}

/** The account of a person; our own accounts are nobody's business. */
function ownerOf(account: string): string | undefined {
  return /^user:([0-9a-f]{32}):/.exec(account)?.[1]
}
