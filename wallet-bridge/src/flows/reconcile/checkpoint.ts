import { EvegramError } from '@evegram/protocol'
import { z } from 'zod'
import { parseChainName, type ChainAddress, type ChainName } from '../../chain/chain-adapter.js'
import type { Height } from '../../chain/finality.js'
import { parseAssetId, type AssetId } from '../../ledger/ids.js'
import type { LedgerSums } from './ledger-sums.js'

/** Differences that a checkpoint carries; while there are more each comparison begins where the one before did. */
export const CARRIED_MAX = 10_000

/** Something that the two sides do not tell alike so far: `undefined` where one says nothing. */
export interface OpenSubject {
  readonly asset: AssetId
  readonly subject: string
  readonly chain: bigint | undefined
  readonly ledger: bigint | undefined
}

/** A transfer of the ledger that names no transaction: a difference for ever. */
export interface UnknownTransfer {
  readonly asset: AssetId
  readonly subject: string
  readonly ledger: bigint
}

/** What one asset comes to at a checkpoint. */
export interface CarriedAsset {
  readonly asset: AssetId
  readonly matched: number
  readonly unknown: number
  /** The balances of the ledger behind the event of the checkpoint. */
  readonly sums: Readonly<LedgerSums>
}

/** What is left of a comparison up to a height and an event: the next one goes on with it, as if it had read everything itself. */
export interface Carried {
  readonly assets: readonly CarriedAsset[]
  readonly open: readonly OpenSubject[]
  /** Those that are listed; the assets count all. */
  readonly unknown: readonly UnknownTransfer[]
}

/** Up to where a chain was compared with the ledger. */
export interface ReconcileCheckpoint extends Carried {
  readonly chain: ChainName
  /** See {@link scopeOf}: a checkpoint serves no other comparison. */
  readonly scope: string
  /** Blocks up to this one were read. */
  readonly height: Height
  /** Events up to this one were read. */
  readonly event: number
  /** Hash of that event in hex: the past behind it is the one that was compared. Of no event: zeros. */
  readonly hash: string
  readonly ledger: string
}

/**
 * The checkpoint of each chain. Resolved = durable; the newest one that was put counts. Whoever reads after something was put finds it. A checkpoint is made from a
 * comparison and says nothing that comparing everything would not: it may be lost.
 */
export interface ReconcileCheckpoints {
  /** The checkpoint of a chain; undefined for none, and for one that another version of this program wrote. Rejects `unavailable.store`. */
  get(chain: ChainName): Promise<ReconcileCheckpoint | undefined>
  /** Replaces it. Rejects `unavailable.store`. */
  put(checkpoint: ReconcileCheckpoint): Promise<void>
}

/** What a comparison is about, in one text: where its books begin, what is compared, which addresses are ours beside those that were given out. */
export function scopeOf(
  { after, assets, hot, cold }: { readonly after: Height; readonly assets: ReadonlySet<AssetId>; readonly hot: ReadonlySet<ChainAddress>; readonly cold: ReadonlySet<ChainAddress> },
): string {
  return JSON.stringify([after, [...assets].sort(), [...hot].sort(), [...cold].sort()])
}

const integer = z.int().nonnegative()
const amount = z.string().regex(/^-?\d{1,80}$/).transform(BigInt)
const asset = z.string().transform(parseAssetId)
const [side, subject] = [amount.nullable().transform((value) => value ?? undefined), z.string().min(1).max(256)]
const body = z.strictObject({
  v: z.literal(1), chain: z.string().transform(parseChainName), scope: z.string(), height: integer, event: integer, hash: z.string().regex(/^[0-9a-f]{64}$/), ledger: z.string(),
  assets: z.array(z.strictObject({ asset, matched: integer, unknown: integer, sums: z.strictObject({ custody: amount, users: amount, suspense: amount, pending: amount }) })),
  open: z.array(z.strictObject({ asset, subject, chain: side, ledger: side })).max(CARRIED_MAX),
  unknown: z.array(z.strictObject({ asset, subject, ledger: amount })).max(CARRIED_MAX),
})

/** A checkpoint as text. */
export function encodeCheckpoint(checkpoint: ReconcileCheckpoint): string {
  const { open, ...others } = checkpoint
  return JSON.stringify(
    { v: 1, ...others, open: open.map((one) => ({ ...one, chain: one.chain ?? null, ledger: one.ledger ?? null })) },
    (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
  )
}

/** The checkpoint in a text of {@link encodeCheckpoint}; undefined for one of another version. Throws `internal` for any other text. */
export function decodeCheckpoint(text: string): ReconcileCheckpoint | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (!z.looseObject({ v: z.literal(1) }).safeParse(value).success && z.looseObject({ v: z.number() }).safeParse(value).success) return undefined
    const { v: _, ...checkpoint } = body.parse(value)
    return checkpoint
  } catch (cause) {
    throw new EvegramError('internal', { operation: 'read checkpoint', advice: 'Compare from the start: that makes it anew.', cause })
  }
}
