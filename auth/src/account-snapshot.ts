import {
  CborFields, decodeCbor, emptyAccountState, encodeCbor, hexOf, ID_BYTES, idBytes, LIMITS, parseAccountId, parseDeviceId,
  type AccountState, type CborValue, type DeviceId, type LogDevice, type LogWallet, type WalletId,
} from '@evegram/protocol'
import { parseWalletId } from '@evegram/protocol/proof'

/** Version of the stored form. */
const SNAPSHOT_VERSION = 1
/** No account can have more of either than its log has entries. */
const MEMBERS_MAX = LIMITS.logEntriesMax
const SNAPSHOT_BYTES_MAX = 2_097_152

/**
 * An account state as bytes, so that a node need not verify a whole log again to append to it. Deterministic CBOR, this package's own
 * format.
 */
export function encodeSnapshot(state: AccountState): Uint8Array<ArrayBuffer> {
  return encodeCbor({
    v: SNAPSHOT_VERSION,
    account: idBytes(state.account),
    seq: state.seq,
    head: state.head,
    founding: state.foundingWallet ?? null,
    wallets: [...state.wallets].map(([wallet, { active, linkedAtSeq }]) => ({ wallet, active, linkedAtSeq })),
    devices: [...state.devices].map(([device, known]) => ({
      device: idBytes(device), identityKey: known.identityKey, signingKey: known.signingKey, registrationId: known.registrationId,
      addedSeq: known.addedSeq, attestedAtMs: known.attestedAtMs, active: known.active,
      approvedBy: known.approvedBy === undefined ? null : idBytes(known.approvedBy),
    })),
    approveDevices: state.approveDevices,
    closed: state.closed,
  })
}

/**
 * The state of a snapshot, undefined for one of a later version. Throws `unavailable.store` or `invalid.cbor` when the bytes are damaged.
 */
export function decodeSnapshot(bytes: Uint8Array): AccountState | undefined {
  const fields = new CborFields(decodeCbor(bytes, SNAPSHOT_BYTES_MAX), 'unavailable.store')
  if (fields.uint('v') !== SNAPSHOT_VERSION) return undefined
  const founding = fields.value('founding')
  return {
    ...emptyAccountState(parseAccountId(hexOf(fields.bytes('account', ID_BYTES)))),
    seq: fields.uint('seq'),
    head: fields.bytes('head', 32),
    ...(typeof founding === 'string' ? { foundingWallet: parseWalletId(founding) } : {}),
    wallets: new Map(fields.list('wallets', MEMBERS_MAX).map(readWallet)),
    devices: new Map(fields.list('devices', MEMBERS_MAX).map(readDevice)),
    approveDevices: fields.boolean('approveDevices'),
    closed: fields.boolean('closed'),
  }
}

function readWallet(value: CborValue): [WalletId, LogWallet] {
  const fields = new CborFields(value, 'unavailable.store')
  return [parseWalletId(fields.text('wallet', 160)), { active: fields.boolean('active'), linkedAtSeq: fields.uint('linkedAtSeq') }]
}

function readDevice(value: CborValue): [DeviceId, LogDevice] {
  const fields = new CborFields(value, 'unavailable.store')
  const approvedBy = fields.value('approvedBy')
  return [parseDeviceId(hexOf(fields.bytes('device', ID_BYTES))), {
    identityKey: fields.bytes('identityKey', 33),
    signingKey: fields.bytes('signingKey', 32),
    registrationId: fields.uint('registrationId'),
    addedSeq: fields.uint('addedSeq'),
    attestedAtMs: fields.uint('attestedAtMs'),
    active: fields.boolean('active'),
    ...(approvedBy instanceof Uint8Array ? { approvedBy: parseDeviceId(hexOf(approvedBy)) } : {}),
  }]
}
