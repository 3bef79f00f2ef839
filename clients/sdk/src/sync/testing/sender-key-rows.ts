import { parseDeviceId, type ConversationId, type DeviceId } from '@evegram/protocol'
import type { LocalStore } from '../../store/local-store.js'

/** Devices whose sender keys for a group lie in a store. */
export async function senderKeyDevicesOf(store: LocalStore, conversation: ConversationId): Promise<DeviceId[]> {
  const prefix = `signal/sender-keys/${conversation}/`
  const rows = await store.list('sessions', { from: prefix, to: `${prefix}~`, limit: 1_000 })
  return rows.map(({ key }) => parseDeviceId(key.slice(prefix.length)))
}
