import { EvegramError, type AccountId } from '@evegram/protocol'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** What a transfer is known by, for ever: its idempotency key. Made by the functions below alone, each in a namespace of its own. */
export type TransferId = Branded<'TransferId'>
/** An account of the ledger, `<kind>:<owner>:<asset>`, see {@link ledgerAccountIdOf}. */
export type LedgerAccountId = Branded<'LedgerAccountId'>
/** What an amount counts, `<chain>/<token>`, see {@link assetIdOf}. */
export type AssetId = Branded<'AssetId'>
/** What a transfer is for, in a word: `deposit`, `payout`, `chat`. */
export type Purpose = Branded<'Purpose'>

/** Characters of an id that a client chose. */
export const CLIENT_ID_CHARACTERS_MAX = 64
/** Characters of any transfer id, those of the ledger itself included. */
export const TRANSFER_ID_CHARACTERS_MAX = 200
/** Characters of an account id. */
export const LEDGER_ACCOUNT_ID_CHARACTERS_MAX = 256

/** No colon: a part of an id cannot reach into the next. No control, blank or right-to-left character: an id can be shown and logged. */
const PART = /^[A-Za-z0-9_.-]{1,128}$/
const CLIENT_ID = /^[A-Za-z0-9_.-]{1,64}$/
const CHAIN = /^[a-z][a-z0-9]{0,15}$/
/** Tokens of Terra have slashes in them: `ibc/…`, `factory/…/…`. */
const TOKEN = /^[A-Za-z0-9_./-]{1,128}$/
const OWNER = /^[A-Za-z0-9_.-]{1,64}$/
const PURPOSE = /^[a-z][a-z_]{0,31}$/
const TRANSFER_ID = /^(?:u:[0-9a-f]{32}:[A-Za-z0-9_.-]{1,64}|d:[a-z][a-z0-9]{0,15}:[A-Za-z0-9_.-]{1,128}:[0-9]{1,10}|p:[A-Za-z0-9_.-]{1,128}(?::[a-z]{1,16})?|c:[A-Za-z0-9_.-]{1,64}:[A-Za-z0-9_.-]{1,128})$/
const LEDGER_ACCOUNT_ID = /^[a-z]{1,16}:[A-Za-z0-9_.-]{1,64}:[a-z][a-z0-9]{0,15}\/[A-Za-z0-9_./-]{1,128}$/
const EXPIRY_PREFIX = 'x:'

function part(text: string, pattern: RegExp, operation: string): string {
  if (!pattern.test(text)) throw new EvegramError('invalid.argument', { operation })
  return text
}

/** `u:<account>:<client id>`: a transfer that a user asked for. Throws `invalid.argument` unless the client id is 1 to 64 letters, digits, `_`, `.` and `-`. */
export function userTransferId(account: AccountId, clientId: string): TransferId {
  return `u:${account}:${part(clientId, CLIENT_ID, 'make user transfer id')}` as TransferId
}

/** `d:<chain>:<transaction id>:<index>`: a deposit, by where it stands on its chain. Throws `invalid.argument`. */
export function depositTransferId(chain: string, transaction: string, index: number): TransferId {
  const operation = 'make deposit transfer id'
  if (!Number.isSafeInteger(index) || index < 0 || index > 9_999_999_999) throw new EvegramError('invalid.argument', { operation })
  return `d:${part(chain, CHAIN, operation)}:${part(transaction, PART, operation)}:${String(index)}` as TransferId
}

/** `p:<payout>`, or `p:<payout>:<step>` for the transfers that follow the first: `p:7:post`. Throws `invalid.argument`. */
export function payoutTransferId(payout: string, step?: string): TransferId {
  const operation = 'make payout transfer id'
  const first = `p:${part(payout, PART, operation)}`
  return (step === undefined ? first : `${first}:${part(step, /^[a-z]{1,16}$/, operation)}`) as TransferId
}

/** `c:<campaign>:<recipient>`: what one recipient gets in one campaign, once. Throws `invalid.argument`. */
export function campaignTransferId(campaign: string, recipient: string): TransferId {
  const operation = 'make campaign transfer id'
  return `c:${part(campaign, /^[A-Za-z0-9_.-]{1,64}$/, operation)}:${part(recipient, PART, operation)}` as TransferId
}

/** `x:<pending transfer>`: the end that the ledger itself gives a pending transfer whose time is over. */
export function expiryTransferId(pending: TransferId): TransferId {
  return `${EXPIRY_PREFIX}${pending}` as TransferId
}

/** Brands a transfer id of any namespace, as read from a store. Throws `invalid.argument`. */
export function parseTransferId(text: string): TransferId {
  const plain = text.startsWith(EXPIRY_PREFIX) ? text.slice(EXPIRY_PREFIX.length) : text
  part(plain, TRANSFER_ID, 'parse transfer id')
  return text as TransferId
}

/** `<chain>/<token>`: `solana/sol`, `terra/uluna`, `ton/<jetton master>`. Throws `invalid.argument`. */
export function assetIdOf(chain: string, token: string): AssetId {
  return `${part(chain, CHAIN, 'make asset id')}/${part(token, TOKEN, 'make asset id')}` as AssetId
}

/** Brands an asset id. Throws `invalid.argument`. */
export function parseAssetId(text: string): AssetId {
  const slash = text.indexOf('/')
  return assetIdOf(text.slice(0, Math.max(0, slash)), text.slice(slash + 1))
}

/** `<kind>:<owner>:<asset>`: one account for each kind, owner and asset. Throws `invalid.argument`. */
export function ledgerAccountIdOf(kind: string, owner: string, asset: AssetId): LedgerAccountId {
  const operation = 'make ledger account id'
  return `${part(kind, /^[a-z]{1,16}$/, operation)}:${part(owner, OWNER, operation)}:${asset}` as LedgerAccountId
}

/** Brands an account id. Throws `invalid.argument`. */
export function parseLedgerAccountId(text: string): LedgerAccountId {
  return part(text, LEDGER_ACCOUNT_ID, 'parse ledger account id') as LedgerAccountId
}

/** Brands a purpose: 1 to 32 small letters and `_`. Throws `invalid.argument`. */
export function parsePurpose(text: string): Purpose {
  return part(text, PURPOSE, 'parse purpose') as Purpose
}
