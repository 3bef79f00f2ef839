// Route schemas carry the fields of the API description.
import type {} from '@fastify/swagger'
import { responses, type HttpServer } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { parseAmount, type PayerFacts } from '@evegram/wallet-bridge'
import { z } from 'zod'
import type { LocalChain } from './local-chains.js'
import { requireThisMachine } from './require-this-machine.js'

/** Characters of a signed payment in base64: one of TON with the state of its wallet has some two thousand. */
const PAYMENT_CHARACTERS_MAX = 8_192

const TAGS = ['Play money']
const amountField = z.string().regex(/^(0|[1-9][0-9]{0,37})$/, 'a whole number of the smallest unit').describe('whole number of the smallest unit, as text')
const chainField = z.string().max(16).describe('solana, ton or terra')
const addressField = z.string().max(128).describe('address, as its chain writes it')
const number = z.number().int().min(0)
const factsAnswer = z.discriminatedUnion('chain', [
  z.object({ chain: z.literal('solana'), blockhash: z.string() }),
  z.object({ chain: z.literal('ton'), seqno: number, isDeployed: z.boolean(), seconds: number.describe('time of the newest block, Unix') }),
  z.object({
    chain: z.literal('terra'), chainId: z.string(), accountNumber: number, sequence: number,
    gasPrice: amountField.describe('millionths of uluna for a unit of gas'), taxRate: amountField.describe('parts of 10^18 of what is sent'),
  }),
])

/**
 * Local chains of the real SDKs, for people who try the server with wallets of their own: their faucets, what addresses hold as the chains themselves say, and the way
 * for payments that a wallet signed. For a server for its own machine alone, and it answers that machine alone. Call it before the server listens.
 */
export function localChainRoutes(http: HttpServer, chains: readonly LocalChain[]): void {
  const chainOf = (ip: string, name: string): LocalChain => {
    requireThisMachine(ip)
    const found = chains.find((one) => one.name === name)
    if (found !== undefined) return found
    throw new EvegramError('not_found.resource', { operation: 'find local chain', advice: 'This server works on no local chain of this name: npm run services -- up --chains prints the settings that name them.' })
  }

  http.get('/v1/play/chains', {
    schema: {
      tags: TAGS, summary: 'The local chains that the server works on',
      response: responses(200, z.object({ chains: z.array(z.object({ chain: z.string(), asset: z.string(), symbol: z.string(), decimals: number, giftMax: amountField })) })),
    },
  }, async ({ ip }) => {
    requireThisMachine(ip)
    return { chains: chains.map(({ name, asset: { id, symbol, decimals }, desk: { giftMax } }) => ({ chain: name, asset: id, symbol, decimals, giftMax: String(giftMax) })) }
  })

  http.post('/v1/play/chains/:chain/faucet', {
    schema: {
      tags: TAGS, summary: 'Coins from the faucet of a local chain; they are on the chain some blocks later',
      params: z.object({ chain: chainField }), body: z.strictObject({ to: addressField, amount: amountField }),
      response: responses(202, z.object({ to: z.string(), amount: z.string() })),
    },
  }, async ({ ip, params, body }, reply) => {
    const { adapter, desk } = chainOf(ip, params.chain)
    const [to, amount] = [adapter.parseAddress(body.to), parseAmount(body.amount)]
    if (amount === 0n || amount > desk.giftMax) {
      throw new EvegramError('invalid.argument', { operation: 'give play money', advice: `The faucet gives up to ${String(desk.giftMax)} of the smallest unit at once.` })
    }
    await desk.give(to, amount)
    return reply.code(202).send({ to, amount: String(amount) })
  })

  http.get('/v1/play/chains/:chain/addresses/:address', {
    schema: {
      tags: TAGS, summary: 'What an address of a local chain holds at the newest final block, as the chain says',
      params: z.object({ chain: chainField, address: addressField }),
      response: responses(200, z.object({ address: z.string(), amount: z.string(), height: number.describe('number of a block') })),
    },
  }, async ({ ip, params }) => {
    const { adapter, asset } = chainOf(ip, params.chain)
    const address = adapter.parseAddress(params.address)
    const answer = await adapter.balance({ address, asset: asset.id })
    if (answer.status === 'unavailable') throw new EvegramError('unavailable.chain', { operation: 'read balance' })
    return { address, amount: String(answer.amount), height: answer.height }
  })

  http.get('/v1/play/chains/:chain/payers/:address', {
    schema: {
      tags: TAGS, summary: 'What the wallet of an address must know to sign a payment now',
      params: z.object({ chain: chainField, address: addressField }), response: responses(200, factsAnswer),
    },
  }, async ({ ip, params }) => {
    const { adapter, desk } = chainOf(ip, params.chain)
    return shown(await desk.payerFacts(adapter.parseAddress(params.address)))
  })

  http.post('/v1/play/chains/:chain/payments', {
    schema: {
      tags: TAGS, summary: 'Hands a payment to a local chain that a wallet signed. Taken is not paid',
      params: z.object({ chain: chainField }), body: z.strictObject({ payment: z.base64().min(1).max(PAYMENT_CHARACTERS_MAX) }),
      response: responses(202, z.object({ transaction: z.string() })),
    },
  }, async ({ ip, params, body }, reply) => {
    const { desk } = chainOf(ip, params.chain)
    return reply.code(202).send({ transaction: await desk.submit(new Uint8Array(Buffer.from(body.payment, 'base64'))) })
  })
}

function shown(facts: PayerFacts): z.infer<typeof factsAnswer> {
  return facts.chain === 'terra' ? { ...facts, gasPrice: String(facts.gasPrice), taxRate: String(facts.taxRate) } : facts
}
