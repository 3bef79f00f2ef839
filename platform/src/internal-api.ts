import { bytesOfHex, hexOf, isErrorCode, LIMITS, parseAccountId, parseDeviceId } from '@evegram/protocol'
import { parseWalletId } from '@evegram/protocol/proof'
import { z } from 'zod'

/** Accounts that one request between services may name. */
export const INTERNAL_ACCOUNTS_MAX = 256
/** Characters of an access token that is handed on; auth itself looks at fewer. */
export const TOKEN_CHARACTERS_MAX = 4_096
/** Characters of a DPoP proof that is handed on. */
export const DPOP_CHARACTERS_MAX = 4_096
/** Characters of the URL that a request came to. */
const URL_CHARACTERS_MAX = 2_048
/** Bytes of a wallet proof that is handed on. */
export const WALLET_PROOF_BYTES_MAX = 16_384
/** A public key of P-256 in base64url. */
const PUSH_KEY_CHARACTERS = 87
const ID_PATTERN = /^[0-9a-f]{32}$/

const account = z.string().regex(ID_PATTERN).transform(parseAccountId)
const device = z.string().regex(ID_PATTERN).transform(parseDeviceId)
/** Keys and heads of logs: 32 bytes in hex. */
const key = z.string().regex(/^[0-9a-f]{64}$/).transform((hex) => bytesOfHex(hex))

const wallet = z.string().max(160).transform(parseWalletId)
/** Bytes in base64url. */
const bytesText = (bytesMax: number) => z.string().max(Math.ceil((bytesMax * 4) / 3)).regex(/^[A-Za-z0-9_-]*$/).transform((text) => new Uint8Array(Buffer.from(text, 'base64url')))

/** What auth says of one account; `unknown`: there is none; `unavailable`: its store did not say. */
export const accountAnswer = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('known'), account, seq: z.number().int().min(0), head: key, closed: z.boolean(),
    devices: z.array(z.object({ device, signingKey: key })).max(LIMITS.devicesPerAccountMax),
  }),
  z.object({ status: z.literal('unknown') }),
  z.object({ status: z.literal('unavailable') }),
])

/** Requests that auth answers to other services: path, who may ask, body, answer. */
export const AUTH_INTERNAL_API = {
  /** Active devices and version of accounts, in the order in which they were asked for. */
  accounts: {
    path: '/internal/v1/accounts', callers: ['engine'],
    body: z.strictObject({ accounts: z.array(account).min(1).max(INTERNAL_ACCOUNTS_MAX) }),
    answer: z.object({ accounts: z.array(accountAnswer).max(INTERNAL_ACCOUNTS_MAX) }),
  },
  /** Who holds an access token for the engine; refused with `auth.token_*`. */
  verifyToken: {
    path: '/internal/v1/tokens/verify', callers: ['engine'],
    body: z.strictObject({ token: z.string().max(TOKEN_CHARACTERS_MAX) }),
    answer: z.object({ account, device, expiresAtMs: z.number() }),
  },
  /**
   * Who made a request to the service that asks (`wally`, `blobs`) with `Authorization: DPoP`: token, session, device, and the DPoP proof, which is used up by it.
   * `url`: the configured origin and the path. Refused with `auth.token_*` and `auth.dpop*`.
   */
  verifyRequest: {
    path: '/internal/v1/requests/verify', callers: ['wally', 'blobs'],
    body: z.strictObject({
      token: z.string().max(TOKEN_CHARACTERS_MAX), dpop: z.string().max(DPOP_CHARACTERS_MAX), method: z.string().max(16), url: z.string().max(URL_CHARACTERS_MAX),
    }),
    answer: z.object({ account, device }),
  },
  /** Whose an account is, and when a device or wallet was added to it last: `null` when never since it was made. */
  owner: {
    path: '/internal/v1/accounts/owner', callers: ['wally'],
    body: z.strictObject({ account }),
    answer: z.discriminatedUnion('status', [
      z.object({ status: z.literal('known'), foundingWallet: wallet, lastAddedMs: z.number().nullable(), closed: z.boolean() }),
      z.object({ status: z.literal('unknown') }),
    ]),
  },
  /** A token of this server for one push service (VAPID), and the key that verifies it. Refused with `push.none` where nobody is woken, `invalid.argument` for what is no origin. */
  pushToken: {
    path: '/internal/v1/push/token', callers: ['engine'],
    body: z.strictObject({ origin: z.string().max(URL_CHARACTERS_MAX) }),
    answer: z.object({ token: z.string().max(TOKEN_CHARACTERS_MAX), key: z.string().max(PUSH_KEY_CHARACTERS), expiresAtMs: z.number() }),
  },
  /** Whether a wallet of the account signed a proof of purpose `withdraw` over `bodyHash`. Asking again gives the same answer: the hash names what it is good for. */
  verifyWithdrawal: {
    path: '/internal/v1/withdrawals/verify', callers: ['wally'],
    body: z.strictObject({ account, bodyHash: key, proof: bytesText(WALLET_PROOF_BYTES_MAX) }),
    answer: z.discriminatedUnion('status', [
      z.object({ status: z.literal('valid') }),
      z.object({ status: z.literal('refused'), code: z.string().refine(isErrorCode) }),
    ]),
  },
} as const

/** Requests that an engine node answers to other services, and who may ask. */
export const ENGINE_INTERNAL_API = {
  /** Whether `owner` has sent something to `other` in their direct conversation. */
  accepted: {
    path: '/internal/v1/contacts/accepted', callers: ['auth'],
    query: z.object({ owner: account, other: account }),
    answer: z.object({ accepted: z.boolean() }),
  },
  /** Writes a signed notice to its account; durable when answered. Refused with `invalid.*`, `denied.notices`, `order.ahead`; once more is once. */
  notices: {
    path: '/internal/v1/notices', callers: ['wally'],
    body: z.strictObject({ notice: bytesText(LIMITS.noticeBytesMax) }),
    answer: z.object({ stored: z.literal(true) }),
  },
  /** Takes where a device is woken, in place of what stood there; durable when answered. Refused with `denied.push_service`, and `push.none` where nobody is woken. */
  subscribe: {
    path: '/internal/v1/push/subscribe', callers: ['auth'],
    body: z.strictObject({ account, device, endpoint: z.string().min(1).max(LIMITS.pushEndpointCharactersMax) }),
    answer: z.object({ stored: z.literal(true) }),
  },
  /** Ends that; once more is no error. */
  unsubscribe: {
    path: '/internal/v1/push/unsubscribe', callers: ['auth'],
    body: z.strictObject({ device }),
    answer: z.object({ stored: z.literal(true) }),
  },
} as const

/** A signing key as these requests write it. */
export function internalKeyText(signingKey: Uint8Array): string {
  return hexOf(signingKey)
}
