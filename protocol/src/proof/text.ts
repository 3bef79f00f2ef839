import { sha256 } from '@noble/hashes/sha2.js'
import { base64UrlOf } from '../base64url.js'
import { encodeCbor, type CborValue } from '../cbor.js'
import { EvegramError } from '../errors.js'
import type { AccountId, DeviceId, WalletId } from '../ids.js'
import { LIMITS } from '../limits.js'
import { isCanonicalDomain, isCanonicalOrigin } from './domain.js'
import { chainFactsOf, type Network } from './network.js'
import { signInText } from './siws-text.js'
import { parseWalletId, readWalletId, type ParsedAddress } from './wallet-id.js'

/** What a wallet may be asked to allow, with the one sentence that it shows for it. `{domain}` is filled in. */
export const PURPOSES = {
  'add-device': 'Add a device that can read and send your Evegram messages.',
  'revoke-device': 'Revoke a device: it will no longer read or send your Evegram messages.',
  'link-wallet': 'Link another wallet to your Evegram account: it will be able to add and revoke devices.',
  'unlink-wallet': 'Unlink a wallet from your Evegram account.',
  'policy': 'Change the security policy of your Evegram account.',
  'withdraw': 'Withdraw funds from your Evegram account.',
  'erase': 'Close and erase your Evegram account for ever.',
} as const

/** One action that a wallet allows: a proof made for one is refused for every other. */
export type Purpose = keyof typeof PURPOSES

/** In place of address and account in a `ton_proof`, which a wallet is asked for before its address is known. */
export const TON_PROOF_PLACEHOLDER = 'ton_proof'

/** Everything that a signed text says. The client fills it with its own configuration, the verifier with what it expects. */
export interface ProofFields {
  /** The configured domain, as `domainOf` writes it. */
  readonly domain: string
  /** The configured origin, as `originOf` writes it: the URI line. */
  readonly origin: string
  /** The signing wallet, or the placeholder: then the address and the account lines both hold the placeholder. */
  readonly walletId: WalletId | typeof TON_PROOF_PLACEHOLDER
  readonly purpose: Purpose
  readonly account: AccountId
  /** State of the account log that the wallet acts on: number of its last entry, 0 without entries. */
  readonly logSeq: number
  /** Head of the log at that entry, 32 bytes; zeros without entries. */
  readonly logHead: Uint8Array
  /** The device that is added or revoked; for other purposes the device that asks. */
  readonly device: DeviceId
  /** 22 to 64 alphanumerics, issued by the server. */
  readonly nonce: string
  readonly issuedAtMs: number
  /** At most 10 minutes after `issuedAtMs`. */
  readonly expirationTimeMs: number
  /** For `link-wallet` the other of the two wallets, for `unlink-wallet` the wallet that is removed; absent otherwise. */
  readonly otherWallet?: WalletId | undefined
  /** For `policy` and `withdraw`: SHA-256 of the deterministic CBOR of what is allowed, 32 bytes; absent otherwise. */
  readonly bodyHash?: Uint8Array | undefined
  /** Which network the placeholder means; a wallet id says so itself. Default `mainnet`. */
  readonly network?: Network | undefined
}

/** What a text takes from its fields; wallet and network are known otherwise. */
type TextFields = Omit<ProofFields, 'walletId' | 'network'>

/** Longest domain of a proof: a host name and a port. */
const DOMAIN_CHARACTERS_MAX = 260
const NONCE = /^[0-9A-Za-z]{22,64}$/
const HEX_ID = /^[0-9a-f]{32}$/
/** Last millisecond of the year 9999, after which RFC 3339 has no form. */
const TIME_MS_MAX = 253_402_300_799_999

/** Whether proofs of this purpose name a second wallet. */
export function namesOtherWallet(purpose: Purpose): boolean {
  return purpose === 'link-wallet' || purpose === 'unlink-wallet'
}

/** Whether proofs of this purpose carry the hash of what they allow. */
export function namesBody(purpose: Purpose): boolean {
  return purpose === 'policy' || purpose === 'withdraw'
}

/** Whether `text` is a purpose of this version. */
export function isPurpose(text: string): text is Purpose {
  return Object.hasOwn(PURPOSES, text)
}

/** Name of the first field that cannot stand in a proof text, or undefined. */
function faultyField(fields: TextFields): string | undefined {
  if (fields.domain.length > DOMAIN_CHARACTERS_MAX || !isCanonicalDomain(fields.domain)) return 'domain'
  if (!isCanonicalOrigin(fields.origin)) return 'origin'
  if (!isPurpose(fields.purpose)) return 'purpose'
  if (!HEX_ID.test(fields.account)) return 'account'
  if (!Number.isSafeInteger(fields.logSeq) || fields.logSeq < 0 || fields.logSeq > LIMITS.logEntriesMax) return 'logSeq'
  if (fields.logHead.length !== 32) return 'logHead'
  if (!HEX_ID.test(fields.device)) return 'device'
  if (!NONCE.test(fields.nonce)) return 'nonce'
  if (!isTime(fields.issuedAtMs)) return 'issuedAtMs'
  const lifeMs = fields.expirationTimeMs - fields.issuedAtMs
  if (!isTime(fields.expirationTimeMs) || lifeMs <= 0 || lifeMs > LIMITS.challengeMs) return 'expirationTimeMs'
  if (namesOtherWallet(fields.purpose) !== (fields.otherWallet !== undefined)) return 'otherWallet'
  if (namesBody(fields.purpose) !== (fields.bodyHash !== undefined)) return 'bodyHash'
  return fields.bodyHash !== undefined && fields.bodyHash.length !== 32 ? 'bodyHash' : undefined
}

function isTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= TIME_MS_MAX
}

/** The `bodyHash` of a proof: SHA-256 of the deterministic CBOR of what is allowed, 32 bytes. */
export function proofBodyHash(body: CborValue): Uint8Array {
  return sha256(encodeCbor(body))
}

const DAY_MS = 86_400_000
const PADDED: readonly string[] = Array.from({ length: 100 }, (_, value) => String(value).padStart(2, '0'))
/** The day that was written last, as `2026-11-22T`: times of proofs are nearly all of one. */
let [lastDay, lastDate] = [-1, '']

/** RFC 3339 in UTC with milliseconds, as every time of a proof text is written. `ms` counts from 1970. Throws RangeError for what is no time. */
export function rfc3339(ms: number): string {
  if (!isTime(ms)) return new Date(ms).toISOString()
  const day = Math.floor(ms / DAY_MS)
  if (day !== lastDay) {
    lastDate = new Date(day * DAY_MS).toISOString().slice(0, 11)
    lastDay = day
  }
  const rest = ms - day * DAY_MS
  const two = (value: number): string => PADDED[value] ?? ''
  const seconds = `${two(Math.floor(rest / 3_600_000))}:${two(Math.floor(rest / 60_000) % 60)}:${two(Math.floor(rest / 1_000) % 60)}`
  return `${lastDate}${seconds}.${String(Math.floor(rest / 100) % 10)}${two(rest % 100)}Z`
}

/**
 * The text that a wallet signs: printable ASCII, LF, no trailing newline. Equal fields give equal bytes, and no field can pose as
 * another. Throws `invalid.argument` naming the field that has another form than documented, `invalid.address` for a wallet id.
 */
export function proofText(fields: ProofFields): string {
  refuseFault(fields)
  return textOf(fields, fields.walletId === TON_PROOF_PLACEHOLDER ? undefined : readWalletId(fields.walletId), fields.network ?? 'mainnet')
}

/** {@link proofText} of a wallet id that was read already: `wallet` is what it says, undefined for the placeholder, which means `network`. */
export function proofTextOf(fields: TextFields, wallet: ParsedAddress | undefined, network: Network): string {
  refuseFault(fields)
  return textOf(fields, wallet, network)
}

function refuseFault(fields: TextFields): void {
  const fault = faultyField(fields)
  if (fault !== undefined) throw new EvegramError('invalid.argument', { operation: 'build proof text', details: { field: fault } })
}

function textOf(fields: TextFields, wallet: ParsedAddress | undefined, network: Network): string {
  const isPlaceholder = wallet === undefined
  const facts = chainFactsOf(wallet?.chain ?? 'ton', wallet?.network ?? network)
  const resources = [
    `evegram:v1:purpose:${fields.purpose}`,
    `evegram:v1:account:${isPlaceholder ? TON_PROOF_PLACEHOLDER : fields.account}`,
    `evegram:v1:log:${String(fields.logSeq)}:${base64UrlOf(fields.logHead)}`,
    `evegram:v1:device:${fields.device}`,
  ]
  if (fields.otherWallet !== undefined) resources.push(`evegram:v1:wallet:${parseWalletId(fields.otherWallet)}`)
  if (fields.bodyHash !== undefined) resources.push(`evegram:v1:body:${base64UrlOf(fields.bodyHash)}`)
  return signInText({
    domain: fields.domain,
    address: wallet?.address ?? TON_PROOF_PLACEHOLDER,
    statement: `${PURPOSES[fields.purpose]} Sign only at ${fields.domain}.`,
    uri: fields.origin,
    version: '1',
    chainId: facts.reference,
    nonce: fields.nonce,
    issuedAt: rfc3339(fields.issuedAtMs),
    expirationTime: rfc3339(fields.expirationTimeMs),
    resources,
  }, facts.title)
}
