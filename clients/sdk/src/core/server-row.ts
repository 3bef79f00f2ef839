import { CborFields, decodeCbor, encodeCbor } from '@evegram/protocol'
import type { DiscoveredServer } from '../api/discovered-server.js'
import type { LocalStore, StoreChange } from '../store/local-store.js'

const SERVER_KEY = 'server'

/** The write that keeps what discovery found, so that a profile can start without network. */
export function serverChange(server: DiscoveredServer): StoreChange {
  const { domain, origin, serverId, network, protocol, wsUrl, authUrl, wallyUrl, blobsUrl, noticeKeys } = server
  return { table: 'meta', key: SERVER_KEY, value: encodeCbor({ domain, origin, serverId, network, protocol: { ...protocol }, wsUrl, authUrl, ...(wallyUrl === undefined ? {} : { wallyUrl }), ...(blobsUrl === undefined ? {} : { blobsUrl }), ...(noticeKeys === undefined ? {} : { noticeKeys }) }) }
}

/** The server as discovery found it last. */
export async function readServer(store: Pick<LocalStore, 'get'>): Promise<DiscoveredServer | undefined> {
  const row = await store.get('meta', SERVER_KEY)
  if (row === undefined) return undefined
  const fields: CborFields = new CborFields(decodeCbor(row, 16_384), 'client.store')
  const protocol = new CborFields(fields.value('protocol'), 'client.store')
  const network = fields.text('network', 16)
  if (network !== 'mainnet' && network !== 'testnet') fields.fail('network')
  return {
    domain: fields.text('domain', 512), origin: fields.text('origin', 2_048), serverId: fields.text('serverId', 256), network,
    protocol: { min: protocol.uint('min'), max: protocol.uint('max') }, wsUrl: fields.text('wsUrl', 2_048), authUrl: fields.text('authUrl', 2_048), limits: {},
    ...(fields.has('wallyUrl') ? { wallyUrl: fields.text('wallyUrl', 2_048) } : {}),
    ...(fields.has('blobsUrl') ? { blobsUrl: fields.text('blobsUrl', 2_048) } : {}),
    ...(fields.has('noticeKeys') ? { noticeKeys: fields.list('noticeKeys', 16).map((key) => (key instanceof Uint8Array ? key : fields.fail('noticeKeys'))) } : {}),
  }
}
