import {
  BLOB_CHUNK_BYTES_MAX, BLOB_DIGEST_BYTES, BLOB_KEY_BYTES, CborFields, concatBytes, decodeCbor, encodeCbor, EvegramError, hexOf, idBytes, isBlobChunk, isEvegramError, LIMITS,
  parseAccountId, parseDeviceId, sealedBlobBytes, utf8, type AccountId, type DeviceId, type Random,
} from '@evegram/protocol'
import nacl from 'tweetnacl'
import type { SealedBlob } from '../files/seal-blob.js'
import { readWrap, unwrapKey, wrapFields, type BackupSecret, type WrappedKey } from './backup-key.js'

/** First bytes of a backup of version 1. */
export const BACKUP_MAGIC: Uint8Array = concatBytes(utf8('EVGBKUP'), Uint8Array.of(1))
/** Bytes of everything before the sealed archive, at most. */
export const BACKUP_HEAD_BYTES_MAX = 4_096
const LENGTH_BYTES = 4
/** Bytes before the part whose length they say. */
export const BACKUP_PREFIX_BYTES = BACKUP_MAGIC.length + LENGTH_BYTES

/** What a backup says of itself, to whoever can open it. */
export interface BackupManifest {
  readonly account: AccountId
  /** Device that made it. */
  readonly device: DeviceId
  readonly domain: string
  /** In ms since 1970. */
  readonly madeAtMs: number
  /** How to open the archive behind the head. */
  readonly sealed: SealedBlob
}

/** An opened head: its manifest, the key of the backups, and what it was locked with. */
export interface OpenedHead {
  readonly manifest: BackupManifest
  readonly key: Uint8Array
  readonly wraps: readonly WrappedKey[]
}

/** The head of a backup: the locked key, and the manifest in a secretbox under that key. */
export function encodeHead({ account, device, domain, madeAtMs, sealed }: BackupManifest, key: Uint8Array, wraps: readonly WrappedKey[], random: Random): Uint8Array {
  const nonce = random.bytes(nacl.secretbox.nonceLength)
  const manifest = encodeCbor({
    account: idBytes(account), device: idBytes(device), domain, madeAtMs, key: sealed.key, size: sealed.size, chunk: sealed.chunk, digest: sealed.digest,
  })
  const map = encodeCbor({ wraps: wraps.map(wrapFields), nonce, manifest: nacl.secretbox(manifest, nonce, key) })
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, map.length)
  const head = concatBytes(BACKUP_MAGIC, length, map)
  if (head.length > BACKUP_HEAD_BYTES_MAX) throw new EvegramError('internal', { operation: 'write head of backup' })
  return head
}

/** How many bytes the head has behind its first {@link BACKUP_PREFIX_BYTES}. Throws `invalid.archive` for what is no backup, `incompatible.schema` for a newer one. */
export function headBytesAfter(prefix: Uint8Array): number {
  const magic = prefix.subarray(0, BACKUP_MAGIC.length)
  if (prefix.length < BACKUP_PREFIX_BYTES || BACKUP_MAGIC.subarray(0, -1).some((byte, index) => byte !== magic[index])) throw notABackup()
  if (magic.at(-1) !== BACKUP_MAGIC.at(-1)) throw new EvegramError('incompatible.schema', { operation: 'open backup', details: { found: magic.at(-1) } })
  const length = new DataView(prefix.buffer, prefix.byteOffset).getUint32(BACKUP_MAGIC.length)
  if (length > BACKUP_HEAD_BYTES_MAX) throw notABackup()
  return length
}

function notABackup(): EvegramError {
  return new EvegramError('invalid.archive', { operation: 'open backup', advice: 'This is no backup of Evegram.' })
}

/**
 * Opens the map of a head. Throws `backup.not_opened`, the same for a wrong secret and for damage; `invalid.recovery_code` for letters that are no
 * code.
 */
export async function openHead(map: Uint8Array, secret: BackupSecret): Promise<OpenedHead> {
  const refused = (): EvegramError => new EvegramError('backup.not_opened', { operation: 'open backup' })
  try {
    const fields = new CborFields(decodeCbor(map, BACKUP_HEAD_BYTES_MAX), 'backup.not_opened')
    const wraps = fields.list('wraps', 4).map(readWrap)
    const nonce = fields.bytes('nonce', nacl.secretbox.nonceLength)
    const box = fields.bytes('manifest', { lengthMax: BACKUP_HEAD_BYTES_MAX })
    const key = await unwrapKey(wraps, secret)
    const manifest = key === undefined ? null : nacl.secretbox.open(box, nonce, key)
    if (key === undefined || manifest === null) throw refused()
    return { manifest: readManifest(manifest), key, wraps }
  } catch (error) {
    // One answer for all that can be wrong with it: no oracle.
    if (isEvegramError(error) && error.code !== 'invalid.recovery_code') throw refused()
    throw error
  }
}

function readManifest(bytes: Uint8Array): BackupManifest {
  const fields = new CborFields(decodeCbor(bytes, BACKUP_HEAD_BYTES_MAX), 'backup.not_opened')
  const chunk = fields.uint('chunk', BLOB_CHUNK_BYTES_MAX)
  const size = fields.uint('size')
  if (!isBlobChunk(chunk)) fields.fail('chunk')
  return {
    account: parseAccountId(hexOf(fields.bytes('account', 16))), device: parseDeviceId(hexOf(fields.bytes('device', 16))), domain: fields.text('domain', 512),
    madeAtMs: fields.uint('madeAtMs'), sealed: { key: fields.bytes('key', BLOB_KEY_BYTES), size, chunk, digest: fields.bytes('digest', BLOB_DIGEST_BYTES) },
  }
}

/** Bytes of a whole backup. */
export function backupBytes(headBytes: number, { size, chunk }: SealedBlob): number {
  return headBytes + sealedBlobBytes(size, chunk)
}

/** Whether the server stores a blob of `bytes`. */
export function fitsServer(bytes: number): boolean {
  return bytes <= LIMITS.blobBytesMax
}
