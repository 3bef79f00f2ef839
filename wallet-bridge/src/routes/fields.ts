import { utf8 } from '@evegram/protocol'
import { z } from 'zod'
import { parseChainName } from '../chain/chain-adapter.js'
import { parsePayoutId } from '../flows/payout/payout.js'
import { parseAmount } from '../ledger/amount.js'
import { parseAssetId } from '../ledger/ids.js'

/** Bytes of a JSON body: a wallet proof in base64url and what is around it. */
export const BODY_BYTES_MAX = 32_768
/** Items of one page. */
export const PAGE_MAX = 100
/** Characters of an address of any chain. */
const ADDRESS_CHARACTERS_MAX = 128
/** Characters of a memo; its bytes are bounded by the chain. */
const MEMO_CHARACTERS_MAX = 256

// Lengths stand beside the patterns that imply them: whoever makes requests up from the API description tries their edges.

/** An id that the client chooses: the same again is the same request. */
export const clientIdField = z.string().min(1).max(64).regex(/^[A-Za-z0-9_.-]{1,64}$/, '1 to 64 letters, digits, _, . and -').describe('chosen by the client: the same again is the same request')
/** An asset. */
export const assetField = z.string().min(3).max(145).regex(/^[a-z][a-z0-9]{0,15}\/[A-Za-z0-9_./-]{1,128}$/, '<chain>/<token>').describe('<chain>/<token>, as /v1/wally/assets lists them').transform(parseAssetId)
/** An amount above 0. */
export const amountField = z.string().min(1).max(38).regex(/^[1-9][0-9]{0,37}$/, '1 to 38 decimal digits').describe('decimal digits, in the smallest unit').transform(parseAmount)
/** A fee: may be 0. */
export const feeField = z.string().min(1).max(38).regex(/^(?:0|[1-9][0-9]{0,37})$/, 'up to 38 decimal digits').describe('decimal digits, in the smallest unit').transform(parseAmount)
/** A chain. */
export const chainField = z.string().min(1).max(16).regex(/^[a-z][a-z0-9]{0,15}$/, '1 to 16 small letters and digits').describe('name of a chain').transform(parseChainName)
/** An address as somebody writes it. */
export const addressField = z.string().min(1).max(ADDRESS_CHARACTERS_MAX).describe('as its chain writes it')
/** A memo; its bytes are the UTF-8 of it. */
export const memoField = z.string().min(1).max(MEMO_CHARACTERS_MAX).refine((text) => !/\p{Cs}/u.test(text), 'well-formed text')
  .describe('memo, comment or text of the payment').transform((text) => utf8(text))
/** The id of a payout as operators see it. */
export const payoutIdField = z.string().min(34).max(97).regex(/^[0-9a-f]{32}\.[A-Za-z0-9_.-]{1,64}$/, '<account>.<client id>').describe('<account>.<client id>').transform(parsePayoutId)
/** How many items of a page are wanted. */
export const limitField = z.coerce.number().int().min(1).max(PAGE_MAX).default(50).describe('items of the page')
/** A block in a body: a number of JSON and nothing that could be read as one. */
export const blockField = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
/** A number behind or before which a page begins. */
export const numberField = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** An amount in an answer. */
export const amountAnswer = z.string().describe('decimal digits, in the smallest unit')
