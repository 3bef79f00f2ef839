import { hexOf } from './bytes.js'
import { ID_BYTES, idBytes, parseAccountId, parseDeviceId, type AccountId, type DeviceId } from './ids.js'
import type { PayloadBodyCodec } from './payload-body-codec.js'

/** Tells that a device was revoked, and which entry of the account log says so. */
export interface RevocationBody {
  readonly account: AccountId
  readonly device: DeviceId
  readonly seq: number
  /** 32 bytes. */
  readonly head: Uint8Array
}

/** Body of `revocation`. */
export const revocationBody: PayloadBodyCodec<RevocationBody> = {
  fields: ({ account, device, seq, head }) => ({ account: idBytes(account), device: idBytes(device), seq, head }),
  read: (fields) => ({
    account: parseAccountId(hexOf(fields.bytes('account', ID_BYTES))), device: parseDeviceId(hexOf(fields.bytes('device', ID_BYTES))),
    seq: fields.uint('seq', 0xffffffff), head: fields.bytes('head', 32),
  }),
}
