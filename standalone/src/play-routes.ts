// Route schemas carry the fields of the API description.
import type {} from '@fastify/swagger'
import { responses, type HttpServer } from '@evegram/platform'
import { bytesOfHex, utf8 } from '@evegram/protocol'
import { FAUCET_AMOUNT_MAX, parseAmount, PLAY_DECIMALS, simulatedAddressOf, type PlayNetwork } from '@evegram/wallet-bridge'
import { z } from 'zod'
import { requireThisMachine } from './require-this-machine.js'

const amountField = z.string().regex(/^(0|[1-9][0-9]{0,37})$/, 'a whole number of the smallest unit').describe('whole number of the smallest unit, as text')
const addressField = z.string().max(64).describe('address of the chain of play money')
const heightAnswer = z.number().int().describe('number of a block')
const TAGS = ['Play money']

/** What {@link playRoutes} needs. */
export interface PlayRoutesParts {
  readonly network: PlayNetwork
  /** Whether the server is one for its own machine: only then does the faucet give anything. */
  readonly isLocal: boolean
}

/** The chain of play money, for people who try the server: a faucet, and what addresses hold as the chain itself says. Call it before the server listens. */
export function playRoutes(http: HttpServer, { network, isLocal }: PlayRoutesParts): void {
  const { rules } = network
  http.get('/v1/play', {
    schema: {
      tags: TAGS, summary: 'The chain of play money',
      response: responses(200, z.object({
        chain: z.string(), asset: z.string(), decimals: z.number().int(), latest: heightAnswer, final: heightAnswer,
        faucet: z.object({ open: z.boolean(), amountMax: z.string() }),
      })),
    },
  }, async () => ({
    chain: rules.chain, asset: rules.nativeAsset, decimals: PLAY_DECIMALS, ...network.head, faucet: { open: isLocal, amountMax: String(FAUCET_AMOUNT_MAX) },
  }))

  http.post('/v1/play/faucet', {
    schema: {
      tags: TAGS, summary: 'Play money from nothing, on this machine only; the memo says whom a deposit is for',
      body: z.strictObject({ to: addressField, amount: amountField, memo: z.string().max(256).optional() }),
      response: responses(202, z.object({ transaction: z.string(), to: z.string(), amount: z.string() })),
    },
  }, async (request, reply) => {
    // Play money is without worth only as long as nobody takes it for more: a server for others gives none.
    requireThisMachine(isLocal ? request.ip : undefined)
    const { to, amount, memo } = request.body
    const transaction = network.give({ to, amount: parseAmount(amount), memo: memo === undefined ? undefined : utf8(memo) })
    return reply.code(202).send({ transaction, to, amount })
  })

  http.get('/v1/play/addresses/:address', {
    schema: {
      tags: TAGS, summary: 'What an address holds, as the chain says',
      params: z.object({ address: addressField }),
      response: responses(200, z.object({ address: z.string(), amount: z.string(), height: heightAnswer })),
    },
  }, async (request) => {
    const { address, amount, height } = network.balance(request.params.address)
    return { address, amount: String(amount), height }
  })

  http.get('/v1/play/keys/:publicKey', {
    schema: {
      tags: TAGS, summary: 'The address of an Ed25519 key on the chain of play money',
      params: z.object({ publicKey: z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal digits') }),
      response: responses(200, z.object({ address: z.string() })),
    },
  }, async (request) => ({ address: simulatedAddressOf(bytesOfHex(request.params.publicKey)) }))
}
