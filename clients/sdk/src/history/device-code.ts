import { idBytes, type AccountId, type DeviceId } from '@evegram/protocol'
import { numericHalf } from '../crypto/safety-number.js'

/**
 * 30 digits that stand for one device of one account, for a person who holds it beside another of their devices: half a safety number, whose identifier is the AccountId
 * in hex and whose key the 16 bytes of the DeviceId, which is made of the keys of the device. Takes some tens of milliseconds.
 */
export function deviceCode(account: AccountId, device: DeviceId): string {
  return numericHalf({ identifier: account, key: idBytes(device) })
}
