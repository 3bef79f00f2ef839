import { concatBytes, equalBytes, EvegramError, hexOf, ID_BYTES, idBytes, parseAccountId, type AccountId } from '@evegram/protocol'
import { CHANGE_BYTES } from './conditional-writes.js'

/** A change of an account log, made or meant: it was made if the log holds it at `seq`. */
export interface LogChange {
  readonly account: AccountId
  readonly seq: number
  readonly change: Uint8Array
}

/**
 * What the row of a nonce or a wallet says. `outright`: used, once and for all. The others hold if their change was made; otherwise the row
 * means what it meant before them (`before`: whom the wallet belonged to).
 */
export type Claim = Stamped & (
  | { readonly kind: 'outright'; readonly change: Uint8Array }
  | ({ readonly kind: 'use' } & LogChange)
  | ({ readonly kind: 'bind' | 'release'; readonly before: AccountId | undefined } & LogChange)
)

interface Stamped {
  /** Random, fresh for each statement that writes a claim: no row ever holds the same bytes twice, so no statement applies twice. */
  readonly stamp: Uint8Array
}

/** Bytes of {@link Claim}'s stamp. */
export const STAMP_BYTES = 8

const KINDS = ['outright', 'use', 'bind', 'release'] as const
const SEQ_BYTES = 4
const CLAIM_PLACE = 1 + STAMP_BYTES + CHANGE_BYTES

/** The claim as bytes: kind, stamp, change id, then account, entry (big-endian) and previous owner where the kind has them. */
export function encodeClaim(claim: Claim): Uint8Array<ArrayBuffer> {
  const kind = Uint8Array.of(KINDS.indexOf(claim.kind))
  if (claim.kind === 'outright') return concatBytes(kind, claim.stamp, claim.change)
  const seq = new Uint8Array(SEQ_BYTES)
  new DataView(seq.buffer).setUint32(0, claim.seq)
  const before = claim.kind === 'use' || claim.before === undefined ? new Uint8Array() : idBytes(claim.before)
  return concatBytes(kind, claim.stamp, claim.change, idBytes(claim.account), seq, before)
}

/** The claim of a row. Throws `unavailable.store` for bytes that {@link encodeClaim} does not write. */
export function decodeClaim(bytes: Uint8Array): Claim {
  const kind = KINDS[bytes[0] ?? KINDS.length]
  const stamp = bytes.slice(1, 1 + STAMP_BYTES)
  const change = bytes.slice(1 + STAMP_BYTES, CLAIM_PLACE)
  const claim = kind === 'outright' ? { kind, stamp, change } as const
    : kind === undefined ? undefined : placedClaim({ kind, stamp, change }, bytes.subarray(CLAIM_PLACE))
  if (claim === undefined || !equalBytes(encodeClaim(claim), bytes)) {
    throw new EvegramError('unavailable.store', { operation: 'read claim', advice: 'A row of auth_nonces or auth_wallets is damaged: restore it from a backup.' })
  }
  return claim
}

function placedClaim(
  { kind, ...named }: { readonly kind: 'use' | 'bind' | 'release'; readonly stamp: Uint8Array; readonly change: Uint8Array }, place: Uint8Array,
): Claim | undefined {
  if (place.length < ID_BYTES + SEQ_BYTES) return undefined
  const account = parseAccountId(hexOf(place.subarray(0, ID_BYTES)))
  const seq = new DataView(place.buffer, place.byteOffset + ID_BYTES, SEQ_BYTES).getUint32(0)
  if (kind === 'use') return { kind, account, seq, ...named }
  const before = place.subarray(ID_BYTES + SEQ_BYTES)
  if (before.length !== 0 && before.length !== ID_BYTES) return undefined
  return { kind, account, seq, ...named, before: before.length === 0 ? undefined : parseAccountId(hexOf(before)) }
}
