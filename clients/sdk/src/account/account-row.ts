import {
  CborFields, concatBytes, decodeCbor, encodeCbor, EvegramError, hexOf, idBytes, parseAccountId, parseDeviceId,
  type AccountId, type AccountState, type CborValue, type DeviceId, type LogDevice, type LogWallet, type WalletId,
} from '@evegram/protocol'
import { parseWalletId } from '@evegram/protocol/proof'
import { STORE_LIMITS } from '../store/check-changes.js'

/** What this profile keeps of an account log for ever: the verified state, and the head behind every entry. */
export interface AccountRecord {
  readonly state: AccountState
  /** Head behind entry `index + 1`, 32 bytes each: as many as `state.seq`. */
  readonly heads: readonly Uint8Array[]
}

const ROW_VERSION = 1
const HEAD_BYTES = 32
/** Wallets and devices of a log are bounded by its entries; this bounds a damaged row. */
const MEMBERS_MAX = 8_192

/** Start of the keys of accounts in table `accounts`. */
export const ACCOUNT_PREFIX = 'log/'

/** Key of an account in the table `accounts`. */
export function accountKey(account: AccountId): string {
  return `${ACCOUNT_PREFIX}${account}`
}

/** Key of the account that a wallet was found under. */
export function addressKey(wallet: WalletId): string {
  return `address/${wallet}`
}

/** The row of an account: CBOR. */
export function encodeAccountRow({ state, heads }: AccountRecord): Uint8Array {
  const map: Record<string, CborValue> = {
    v: ROW_VERSION, account: idBytes(state.account), seq: state.seq, head: state.head,
    approveDevices: state.approveDevices, closed: state.closed,
    wallets: [...state.wallets].map(([wallet, { active, linkedAtSeq }]) => ({ wallet, active, linkedAtSeq })),
    devices: [...state.devices].map(([device, known]) => deviceMap(device, known)), heads: concatBytes(...heads),
  }
  if (state.foundingWallet !== undefined) map['foundingWallet'] = state.foundingWallet
  return encodeCbor(map)
}

function deviceMap(device: DeviceId, known: LogDevice): CborValue {
  const { identityKey, signingKey, registrationId, addedSeq, attestedAtMs, active, approvedBy } = known
  const map = { device: idBytes(device), identityKey, signingKey, registrationId, addedSeq, attestedAtMs, active }
  return approvedBy === undefined ? map : { ...map, approvedBy: idBytes(approvedBy) }
}

/** Reads what {@link encodeAccountRow} wrote. Throws `client.store` on anything else. */
export function decodeAccountRow(row: Uint8Array): AccountRecord {
  try {
    return readRow(new CborFields(decodeCbor(row, STORE_LIMITS.valueBytesMax), 'client.store'))
  } catch (cause) {
    throw new EvegramError('client.store', { operation: 'read account', cause })
  }
}

function readRow(fields: CborFields): AccountRecord {
  if (fields.uint('v') !== ROW_VERSION) fields.fail('version')
  const seq = fields.uint('seq')
  const joined = fields.bytes('heads', seq * HEAD_BYTES)
  const state: AccountState = {
    account: parseAccountId(hexOf(fields.bytes('account', 16))), seq, head: fields.bytes('head', HEAD_BYTES),
    ...(fields.has('foundingWallet') ? { foundingWallet: parseWalletId(fields.text('foundingWallet', 160)) } : {}),
    wallets: new Map(fields.list('wallets', MEMBERS_MAX).map(readWallet)),
    devices: new Map(fields.list('devices', MEMBERS_MAX).map(readDevice)),
    approveDevices: fields.boolean('approveDevices'), closed: fields.boolean('closed'),
  }
  return { state, heads: Array.from({ length: seq }, (_, index) => joined.slice(index * HEAD_BYTES, (index + 1) * HEAD_BYTES)) }
}

function readWallet(value: CborValue): [WalletId, LogWallet] {
  const fields = new CborFields(value, 'client.store')
  return [parseWalletId(fields.text('wallet', 160)), { active: fields.boolean('active'), linkedAtSeq: fields.uint('linkedAtSeq') }]
}

function readDevice(value: CborValue): [DeviceId, LogDevice] {
  const fields = new CborFields(value, 'client.store')
  const device = {
    identityKey: fields.bytes('identityKey', 33), signingKey: fields.bytes('signingKey', 32), registrationId: fields.uint('registrationId'),
    addedSeq: fields.uint('addedSeq'), attestedAtMs: fields.uint('attestedAtMs'), active: fields.boolean('active'),
  }
  const id = parseDeviceId(hexOf(fields.bytes('device', 16)))
  return [id, fields.has('approvedBy') ? { ...device, approvedBy: parseDeviceId(hexOf(fields.bytes('approvedBy', 16))) } : device]
}
