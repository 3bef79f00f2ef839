import { hkdf } from '@noble/hashes/hkdf.js'
import { scryptAsync } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { CborFields, EvegramError, utf8, type CborValue, type Random } from '@evegram/protocol'
import nacl from 'tweetnacl'
import { parseRecoveryCode } from './recovery-code.js'

/** Bytes of the key of a profile's backups. */
export const BACKUP_KEY_BYTES = 32
const NONCE_BYTES = nacl.secretbox.nonceLength
const BOX_BYTES = BACKUP_KEY_BYTES + nacl.secretbox.overheadLength
const SALT_BYTES = 16
const CODE_INFO = utf8('evegram/backup/code/v1')
/** Parameters of RFC 7914 that new backups have: 128 MiB and 0.65 s of CPU here (docs/adr has the measurement). */
export const SCRYPT: ScryptCost = { log2n: 17, r: 8, p: 1 }
/** Most that a backup may ask for: it comes from a server, which is not trusted with the memory of a device. 256 MiB. */
const SCRYPT_MEMORY_BYTES_MAX = 256 * 1_048_576
const SCRYPT_P_MAX = 4
/** Longest passphrase, in UTF-8 bytes. */
const PASSPHRASE_BYTES_MAX = 1_024
/** Shortest passphrase, in characters: below it guessing costs little whatever scrypt does. */
export const PASSPHRASE_CHARACTERS_MIN = 12

/** Cost of one guess of a passphrase. */
export interface ScryptCost {
  readonly log2n: number
  readonly r: number
  readonly p: number
}

/** What a person opens a backup with. */
export type BackupSecret = { readonly kind: 'code'; readonly code: string } | { readonly kind: 'passphrase'; readonly passphrase: string }

/** The key of the backups, locked with a secret of a person. */
export interface WrappedKey {
  readonly kind: BackupSecret['kind']
  /** 24 bytes, for secretbox. */
  readonly nonce: Uint8Array
  /** secretbox of the key, 48 bytes. */
  readonly box: Uint8Array
  /** Of a passphrase: 16 bytes. */
  readonly salt?: Uint8Array
  readonly cost?: ScryptCost
}

/** The same key from a recovery code each time: it has 128 random bits, so that guessing needs no slowing down. */
function keyOfCode(code: Uint8Array): Uint8Array {
  return hkdf(sha256, code, undefined, CODE_INFO, BACKUP_KEY_BYTES)
}

async function keyOfPassphrase(passphrase: string, salt: Uint8Array, { log2n, r, p }: ScryptCost): Promise<Uint8Array> {
  return scryptAsync(utf8(passphrase.normalize('NFKC')), salt, { N: 2 ** log2n, r, p, dkLen: BACKUP_KEY_BYTES, maxmem: SCRYPT_MEMORY_BYTES_MAX + 1_048_576 })
}

/** Throws `invalid.argument` for a passphrase that is too short to protect anything, or too long. */
export function checkPassphrase(passphrase: string): void {
  if ([...passphrase].length < PASSPHRASE_CHARACTERS_MIN) {
    throw new EvegramError('invalid.argument', { operation: 'protect backup', advice: `Take at least ${String(PASSPHRASE_CHARACTERS_MIN)} characters: several words.` })
  }
  if (utf8(passphrase).length > PASSPHRASE_BYTES_MAX) throw new EvegramError('invalid.argument', { operation: 'protect backup', advice: 'The passphrase is too long.' })
}

/** Locks the key of the backups with a recovery code (16 bytes). */
export function wrapWithCode(key: Uint8Array, code: Uint8Array, random: Random): WrappedKey {
  const nonce = random.bytes(NONCE_BYTES)
  return { kind: 'code', nonce, box: nacl.secretbox(key, nonce, keyOfCode(code)) }
}

/** Locks the key of the backups with a passphrase, slowly. Throws as {@link checkPassphrase} does. */
export async function wrapWithPassphrase(key: Uint8Array, passphrase: string, random: Random, cost: ScryptCost = SCRYPT): Promise<WrappedKey> {
  checkPassphrase(passphrase)
  const salt = random.bytes(SALT_BYTES)
  const nonce = random.bytes(NONCE_BYTES)
  return { kind: 'passphrase', nonce, box: nacl.secretbox(key, nonce, await keyOfPassphrase(passphrase, salt, cost)), salt, cost }
}

/**
 * The key that one of `wraps` holds for `secret`; undefined for a wrong secret, a damaged box, and a backup that was not locked with a secret of this
 * kind: whoever tries learns nothing of which it was. Throws `invalid.recovery_code` for letters that are no code at all.
 */
export async function unwrapKey(wraps: readonly WrappedKey[], secret: BackupSecret): Promise<Uint8Array | undefined> {
  const wrap = wraps.find(({ kind }) => kind === secret.kind)
  const code = secret.kind === 'code' ? parseRecoveryCode(secret.code) : undefined
  if (wrap === undefined) return undefined
  if (code !== undefined) return nacl.secretbox.open(wrap.box, wrap.nonce, keyOfCode(code)) ?? undefined
  if (secret.kind === 'code' || wrap.salt === undefined || wrap.cost === undefined) return undefined
  return nacl.secretbox.open(wrap.box, wrap.nonce, await keyOfPassphrase(secret.passphrase, wrap.salt, wrap.cost)) ?? undefined
}

/** CBOR fields of a locked key. */
export function wrapFields({ kind, nonce, box, salt, cost }: WrappedKey): CborValue {
  const fields = { kind, nonce, box }
  return salt === undefined || cost === undefined ? fields : { ...fields, salt, log2n: cost.log2n, r: cost.r, p: cost.p }
}

/** Reads what {@link wrapFields} wrote. Throws `backup.not_opened`, also for a cost that no honest backup has. */
export function readWrap(value: CborValue): WrappedKey {
  const fields = new CborFields(value, 'backup.not_opened')
  const kind = fields.text('kind', 16)
  const boxed = { nonce: fields.bytes('nonce', NONCE_BYTES), box: fields.bytes('box', BOX_BYTES) }
  if (kind === 'code') return { kind, ...boxed }
  if (kind !== 'passphrase') return fields.fail('kind')
  const cost = { log2n: fields.uint('log2n', 24), r: fields.uint('r', 32), p: fields.uint('p', SCRYPT_P_MAX) }
  if (cost.log2n < 10 || cost.r < 1 || cost.p < 1 || 128 * cost.r * 2 ** cost.log2n > SCRYPT_MEMORY_BYTES_MAX) fields.fail('a cost that a device can pay')
  return { kind, ...boxed, salt: fields.bytes('salt', SALT_BYTES), cost }
}
