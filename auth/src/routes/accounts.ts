import type { HttpServer } from '@evegram/platform'
import { isEvegramError, LIMITS, type AccountState } from '@evegram/protocol'
import { parseWalletId } from '@evegram/protocol/proof'
import { z } from 'zod'
import type { Accounts, AccountChange } from '../accounts.js'
import { base64urlOf } from '../key-thumbprint.js'
import type { RateLimits } from '../rate-limits.js'
import { accountField, bytesAnswer, bytesField, responses } from './schemas.js'

/** Body of an append: an entry of the largest size in base64url, and the JSON around it. */
const APPEND_BODY_BYTES_MAX = 24_576

const headAnswer = { account: z.string(), seq: z.number(), head: bytesAnswer }

/** What the routes of account logs need. */
export interface AccountRouteParts {
  readonly accounts: Accounts
  readonly limits: RateLimits
  /** Called after an append is durable and before it is answered. */
  readonly onAppended: (change: AccountChange) => Promise<void>
}

/** `/v1/accounts`: look-up by wallet, account logs. */
export function accountRoutes(server: HttpServer, parts: AccountRouteParts): void {
  const { accounts, limits } = parts

  server.get('/v1/accounts/by-wallet/:wallet', {
    schema: {
      tags: ['Accounts'],
      summary: 'The account that a wallet belongs to now',
      description: 'Believe nothing of it before the log is verified: the wallet must be an active one there.',
      params: z.object({ wallet: z.string().max(200).describe('CAIP-10 of the canonical address, URL-encoded') }),
      querystring: z.object({
        absent: z.enum(['null']).optional().describe('what is answered where nobody has signed in with it: {account: null}; without this, 404 account.not_found'),
      }),
      response: responses(200, z.union([z.object(headAnswer), z.object({ account: z.null() })]).describe('Where its log ends')),
    },
  }, async (request) => {
    await limits.takeForAddress('reads', request.ip)
    try {
      return headOf(await accounts.ofWallet(parseWalletId(request.params.wallet)))
    } catch (error) {
      // Browsers write every other status on the console: who signs in for the first time is no error there.
      if (request.query.absent === 'null' && isEvegramError(error, 'account.not_found')) return { account: null }
      throw error
    }
  })

  server.get('/v1/accounts/:account/log', {
    schema: {
      tags: ['Accounts'],
      summary: 'Entries of an account log, oldest first',
      params: z.object({ account: accountField }),
      querystring: z.object(
        { after: z.coerce.number().int().min(0).max(0xffff_ffff).default(0).describe('number of the last entry that is known') }
      ),
      response: responses(200, z.object({
        ...headAnswer, entries: z.array(bytesAnswer), more: z.boolean().describe('ask again behind the last one'),
      }).describe('One page')),
    },
  }, async (request) => {
    await limits.takeForAddress('reads', request.ip)
    const { state, entries, more } = await accounts.log(request.params.account, request.query.after)
    return { ...headOf(state), entries: entries.map(base64urlOf), more }
  })

  server.post('/v1/accounts/:account/log', {
    bodyLimit: APPEND_BODY_BYTES_MAX,
    schema: {
      tags: ['Accounts'],
      summary: 'Append an entry to an account log',
      description: 'The signatures inside are the permission. A wallet proof works once; '
        + 'an entry that does not follow the head is answered 409 with the head.',
      params: z.object({ account: accountField }),
      body: z.strictObject({ entry: bytesField(1, LIMITS.logEntryBytesMax) }),
      response: responses(201, z.object({ seq: z.number(), head: bytesAnswer }).describe('Appended')),
    },
  }, async (request, reply) => {
    await limits.takeForAddress('proofs', request.ip)
    const { head, change } = await accounts.append(request.params.account, request.body.entry)
    await parts.onAppended(change)
    return reply.code(201).send({ seq: head.seq, head: base64urlOf(head.head) })
  })
}

function headOf(state: AccountState): { account: string; seq: number; head: string } {
  return { account: state.account, seq: state.seq, head: base64urlOf(state.head) }
}
