import {
  CborFields, decodeCbor, encodeCbor, hexOf, ID_BYTES, idBytes, parseAccountId, parseDeviceId, type AccountId, type CborValue, type DeviceId,
} from '@evegram/protocol'
import { REVOCATION_REASONS, type RevocationReason, type SessionRecord } from '../../ports/session-store.js'

const RECORD_BYTES_MAX = 1_024
const FAMILY_CHARACTERS_MAX = 64

/** A session that was not revoked, in the list of its account. */
export interface ActiveSession {
  readonly family: string
  readonly device: DeviceId
  readonly createdAtMs: number
}

/** Sessions that one account may have open at once in this store: far more than devices times sessions of each. */
export const ACTIVE_MAX = 4_096
const ACTIVE_BYTES_MAX = ACTIVE_MAX * 128

/** A session as bytes. Deterministic CBOR, this adapter's own format. */
export function encodeSession(record: SessionRecord): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    family: record.family, account: idBytes(record.account), device: idBytes(record.device), createdAt: record.createdAtMs,
    generation: record.generation, rotatedAt: record.rotatedAtMs, expiresAt: record.expiresAtMs,
    revoked: record.revoked === undefined ? null : { at: record.revoked.atMs, reason: record.revoked.reason },
  })
}

/** The session of a row. Throws `unavailable.store` or `invalid.cbor` when it is damaged. */
export function decodeSession(bytes: Uint8Array): SessionRecord {
  const fields = new CborFields(decodeCbor(bytes, RECORD_BYTES_MAX), 'unavailable.store')
  const revoked = fields.value('revoked')
  return {
    family: fields.text('family', FAMILY_CHARACTERS_MAX), account: accountIn(fields), device: deviceIn(fields), createdAtMs: fields.uint('createdAt'),
    generation: fields.uint('generation'), rotatedAtMs: fields.uint('rotatedAt'), expiresAtMs: fields.uint('expiresAt'),
    ...(revoked === null ? {} : { revoked: readRevoked(new CborFields(revoked, 'unavailable.store')) }),
  }
}

/** The list of an account's open sessions as bytes. */
export function encodeActive(active: readonly ActiveSession[]): Uint8Array<ArrayBuffer> {
  return encodeCbor(active.map(({ family, device, createdAtMs }) => ({ family, device: idBytes(device), createdAt: createdAtMs })))
}

/** The list of a row; throws as {@link decodeSession}. */
export function decodeActive(bytes: Uint8Array): ActiveSession[] {
  const list = new CborFields({ active: decodeCbor(bytes, ACTIVE_BYTES_MAX) }, 'unavailable.store').list('active', ACTIVE_MAX)
  return list.map((value: CborValue) => {
    const fields = new CborFields(value, 'unavailable.store')
    return { family: fields.text('family', FAMILY_CHARACTERS_MAX), device: deviceIn(fields), createdAtMs: fields.uint('createdAt') }
  })
}

function readRevoked(fields: CborFields): { readonly atMs: number; readonly reason: RevocationReason } {
  const text = fields.text('reason', FAMILY_CHARACTERS_MAX)
  const reason = REVOCATION_REASONS.find((known) => known === text)
  return { atMs: fields.uint('at'), reason: reason ?? fields.fail('reason') }
}

function accountIn(fields: CborFields): AccountId {
  return parseAccountId(hexOf(fields.bytes('account', ID_BYTES)))
}

function deviceIn(fields: CborFields): DeviceId {
  return parseDeviceId(hexOf(fields.bytes('device', ID_BYTES)))
}
