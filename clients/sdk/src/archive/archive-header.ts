import { CborFields, hexOf, idBytes, parseAccountId, parseDeviceId, type AccountId, type DeviceId } from '@evegram/protocol'
import { archiveFault, type ArchiveRecord } from './archive-frame.js'

/** Whose archive it is: its first record. */
export interface ArchiveHeader {
  readonly account: AccountId
  /** Device that wrote it. */
  readonly device: DeviceId
  readonly domain: string
  readonly serverId: string
  /** In ms since 1970, server time as far as the device knew it. */
  readonly madeAtMs: number
}

/** The first record. */
export function headerRecord({ account, device, domain, serverId, madeAtMs }: ArchiveHeader): ArchiveRecord {
  return { type: 'begin', fields: { account: idBytes(account), device: idBytes(device), domain, serverId, madeAtMs } }
}

/** Throws `invalid.archive` for any other record. */
export function readHeader({ type, fields }: ArchiveRecord): ArchiveHeader {
  if (type !== 'begin') throw archiveFault('a record "begin"')
  const known = new CborFields(fields, 'invalid.archive')
  return {
    account: parseAccountId(hexOf(known.bytes('account', 16))), device: parseDeviceId(hexOf(known.bytes('device', 16))), domain: known.text('domain', 512),
    serverId: known.text('serverId', 256), madeAtMs: known.uint('madeAtMs'),
  }
}
