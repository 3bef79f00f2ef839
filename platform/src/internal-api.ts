import { bytesOfHex, hexOf, LIMITS, parseAccountId, parseDeviceId } from '@evegram/protocol'
import { z } from 'zod'

/** Accounts that one request between services may name. */
export const INTERNAL_ACCOUNTS_MAX = 256
/** Characters of an access token that is handed on; auth itself looks at fewer. */
const TOKEN_CHARACTERS_MAX = 4_096
const ID_PATTERN = /^[0-9a-f]{32}$/

const account = z.string().regex(ID_PATTERN).transform(parseAccountId)
const device = z.string().regex(ID_PATTERN).transform(parseDeviceId)
/** Keys and heads of logs: 32 bytes in hex. */
const key = z.string().regex(/^[0-9a-f]{64}$/).transform((hex) => bytesOfHex(hex))

/** What auth says of one account; `unknown`: there is none; `unavailable`: its store did not say. */
export const accountAnswer = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('known'), account, seq: z.number().int().min(0), head: key, closed: z.boolean(),
    devices: z.array(z.object({ device, signingKey: key })).max(LIMITS.devicesPerAccountMax),
  }),
  z.object({ status: z.literal('unknown') }),
  z.object({ status: z.literal('unavailable') }),
])

/** Requests that auth answers to other services: path, body, answer. The engine asks exactly these. */
export const AUTH_INTERNAL_API = {
  /** Active devices and version of accounts, in the order in which they were asked for. */
  accounts: {
    path: '/internal/v1/accounts',
    body: z.strictObject({ accounts: z.array(account).min(1).max(INTERNAL_ACCOUNTS_MAX) }),
    answer: z.object({ accounts: z.array(accountAnswer).max(INTERNAL_ACCOUNTS_MAX) }),
  },
  /** Who holds an access token for the engine; refused with `auth.token_*`. */
  verifyToken: {
    path: '/internal/v1/tokens/verify',
    body: z.strictObject({ token: z.string().max(TOKEN_CHARACTERS_MAX) }),
    answer: z.object({ account, device, expiresAtMs: z.number() }),
  },
} as const

/** Requests that an engine node answers to other services. */
export const ENGINE_INTERNAL_API = {
  /** Whether `owner` has sent something to `other` in their direct conversation. */
  accepted: {
    path: '/internal/v1/contacts/accepted',
    query: z.object({ owner: account, other: account }),
    answer: z.object({ accepted: z.boolean() }),
  },
} as const

/** A signing key as these requests write it. */
export function internalKeyText(signingKey: Uint8Array): string {
  return hexOf(signingKey)
}
