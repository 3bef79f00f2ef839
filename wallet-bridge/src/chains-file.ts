import { readFileSync, statSync } from 'node:fs'
import { bytesOfHex, EvegramError, isEvegramError } from '@evegram/protocol'
import { parseWalletId } from '@evegram/protocol/proof'
import { z } from 'zod'
import { parseAmount } from './ledger/amount.js'
import { parseAssetId, type AssetId } from './ledger/ids.js'
import { OPERATOR_SCOPES, OPERATORS_MAX, type OperatorToken } from './operators.js'
import { SOURCES_MAX } from './chain/agreed-chain.js'

/** Bytes of the file. */
const FILE_BYTES_MAX = 1_048_576
const ASSETS_MAX = 64
const ADDRESSES_MAX = 10_000
/** What a transaction of Solana can say. */
const COMPUTE_UNIT_PRICE_MAX = 2n ** 64n - 1n

const amount = z.string({ error: 'decimal digits in quotes' }).transform((text, context) => {
  try {
    return parseAmount(text)
  } catch {
    // The reason is always this one.
    context.addIssue({ code: 'custom', message: 'decimal digits, in the smallest unit' })
    return z.NEVER
  }
})
const asset = z.string().regex(/^[a-z][a-z0-9]{0,15}\/[A-Za-z0-9_./-]{1,128}$/, '<chain>/<token>').transform(parseAssetId)
/** `env:NAME`: the text is in an environment variable, so that the file holds no secret. */
const variable = z.string().regex(/^env:[A-Z][A-Z0-9_]{0,63}$/, 'env:NAME of an environment variable').transform((text) => text.slice('env:'.length))
const walletText = z.string().max(160).refine(isWalletId, 'a wallet in CAIP-10, as its chain writes the address')
const addresses = z.array(z.string().min(1).max(128)).max(ADDRESSES_MAX)

const chain = z.strictObject({
  chain: z.enum(['solana', 'ton', 'terra']),
  endpoints: z.array(z.strictObject({
    name: z.string().regex(/^[a-z0-9-]{1,32}$/, 'small letters, digits and -'), url: z.union([variable.transform((name) => ({ variable: name })), z.url({ protocol: /^https?$/ })]),
  })).min(1).max(SOURCES_MAX),
  identity: z.string().min(1).max(128).describe('hash of the first block (solana, ton), or the chain id (terra)'),
  key: z.union([z.strictObject({ file: z.string().min(1), passphrase: variable }), z.strictObject({ seed: variable })]),
  assets: z.array(z.strictObject({
    asset, symbol: z.string().regex(/^[A-Za-z0-9.]{1,16}$/), decimals: z.number().int().min(0).max(38), depositMin: amount, payoutMin: amount, payoutMax: amount,
    accountDayMax: amount, approvalAbove: amount, topUpBelow: amount, foundingDayMax: amount.default(parseAmount('0')),
  })).min(1).max(ASSETS_MAX),
  feeReserve: z.strictObject({ fixed: amount, ppm: z.number().int().min(0).max(1_000_000).default(0) }),
  feeFrom: z.enum(['account', 'house']).default('account'),
  holdHours: z.number().min(0).max(8_760).default(24),
  allowed: addresses.optional(), denied: addresses.default([]), cold: addresses.default([]),
  beginsAt: z.number().int().min(0).default(0),
  reconcileMinutes: z.number().min(1).max(1_440).default(10),
  coinTaxMax: z.number().int().min(0).max(1_000_000).optional().describe('terra: the highest tax on other coins than uluna, in millionths, reserved of the coin beside each payout'),
  computeUnitPrice: amount.refine((price) => price <= COMPUTE_UNIT_PRICE_MAX, 'below 2^64').optional().describe('solana: offered for a compute unit, in millionths of a lamport'),
}).superRefine(({ chain: name, assets, coinTaxMax, computeUnitPrice }, context) => {
  if (assets.some(({ asset: id }) => isTaxedCoin(id)) && coinTaxMax === undefined) context.addIssue({ code: 'custom', path: ['coinTaxMax'], message: 'needed to pay out a coin other than uluna: its tax is not in feeReserve' })
  if (name !== 'terra' && coinTaxMax !== undefined) context.addIssue({ code: 'custom', path: ['coinTaxMax'], message: 'of terra alone' })
  if (name !== 'solana' && computeUnitPrice !== undefined) context.addIssue({ code: 'custom', path: ['computeUnitPrice'], message: 'of solana alone' })
  for (const [index, { asset: id }] of assets.entries()) {
    const wrong = !id.startsWith(`${name}/`) ? `an asset of ${name}` : assets.findIndex((other) => other.asset === id) < index ? 'an asset that is not listed before' : undefined
    if (wrong !== undefined) context.addIssue({ code: 'custom', path: ['assets', index, 'asset'], message: wrong })
  }
})
const operator = z.strictObject({
  person: z.string().regex(/^[A-Za-z0-9_.@-]{1,64}$/), scopes: z.array(z.enum(OPERATOR_SCOPES.map(([scope]) => scope))).min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'SHA-256 of the token in hex').transform((hex) => bytesOfHex(hex)),
})
const chainsFile = z.strictObject({
  chains: z.array(chain).min(1).max(8), operators: z.array(operator).max(OPERATORS_MAX).default([]), operatorWallets: z.array(walletText).max(OPERATORS_MAX).default([]),
})

/** What the file of chains says. */
export type ChainsFile = z.output<typeof chainsFile>
/** One chain of it. */
export type ChainEntry = z.output<typeof chain>

/** Whether a tax on an asset is paid in the asset itself: coins of Terra Classic, but for the native one, what came over IBC, and CW20. */
export function isTaxedCoin(id: AssetId): boolean {
  return id.startsWith('terra/') && id !== 'terra/uluna' && !['terra/terra1', 'terra/ibc/'].some((untaxed) => id.startsWith(untaxed))
}

function isWalletId(text: string): boolean {
  try {
    parseWalletId(text)
    return true
  } catch (failure) {
    if (isEvegramError(failure)) return false
    throw failure
  }
}

/** Reads the file of chains, policies and operators. Throws `invalid.config` that names every place that is wrong, and no value. */
export function readChainsFile(path: string): ChainsFile {
  const refuse = (advice: string, details = {}): never => { throw new EvegramError('invalid.config', { operation: 'read chains', advice, details }) }
  let value: unknown
  try {
    if (statSync(path).size > FILE_BYTES_MAX) refuse('The file of EVEGRAM_WALLY_CHAINS is too large.')
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    if (cause instanceof EvegramError) throw cause
    throw new EvegramError('invalid.config', { operation: 'read chains', advice: 'The file of EVEGRAM_WALLY_CHAINS cannot be read, or is no JSON.' })
  }
  const parsed = chainsFile.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path: where, message }) => `${where.join('.')}: ${message}`)
  return refuse(`Correct the file of EVEGRAM_WALLY_CHAINS: ${problems.join('; ')}`, { problems })
}

/** The operators of the file. */
export function operatorTokensOf({ operators }: ChainsFile): readonly OperatorToken[] {
  return operators.map(({ person, scopes, sha256 }) => ({ person, scopes: new Set(scopes), hash: sha256 }))
}
