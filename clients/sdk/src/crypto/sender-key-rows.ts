import { CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseDeviceId, type DeviceId } from '@evegram/protocol'
import type { KeyPair } from './primitives.js'
import { decodeKeyPair, encodeKeyPair } from './stores.js'
import type { ChainPlace } from './sender-key-chain.js'
import { DISTRIBUTION_ID_BYTES, type SenderKeyDistribution } from './sender-key-message.js'

/** The chain that this device sends with in one group, at one version of its membership. */
export interface OwnSenderKey extends ChainPlace {
  /** 16 bytes. */
  readonly distribution: Uint8Array
  readonly chainId: number
  readonly signing: KeyPair
  readonly membershipVersion: number
  readonly createdAtMs: number
}

/** A chain of another device, as far as this one has read it. */
export interface ReceivedSenderKey extends SenderKeyDistribution {
  /** Version of the membership that the sender gave it out for. */
  readonly membershipVersion: number
  /** Where the chain was when it was given: what came before it was not readable from it. */
  readonly first: number
  /** Seeds of messages that were skipped, by iteration, oldest first. */
  readonly skipped: ReadonlyMap<number, Uint8Array>
}

const ROW_BYTES_MAX = 262_144
const CODE = 'client.store' as const

/** Row of the own chain. */
export function encodeOwnSenderKey(own: OwnSenderKey): Uint8Array<ArrayBuffer> {
  const { distribution, chainId, iteration, chainKey, membershipVersion, createdAtMs } = own
  return encodeCbor({ distribution, chainId, iteration, chainKey, signing: encodeKeyPair(own.signing), membershipVersion, createdAtMs })
}

/** Throws `client.store` on a row of another shape. */
export function decodeOwnSenderKey(row: Uint8Array): OwnSenderKey {
  const fields = new CborFields(decodeCbor(row, ROW_BYTES_MAX), CODE)
  return {
    distribution: fields.bytes('distribution', DISTRIBUTION_ID_BYTES), chainId: fields.uint('chainId'), iteration: fields.uint('iteration'),
    chainKey: fields.bytes('chainKey', 32), signing: decodeKeyPair(fields.bytes('signing', 66)), membershipVersion: fields.uint('membershipVersion'),
    createdAtMs: fields.uint('createdAtMs'),
  }
}

/** The devices that were given the own chain. */
export interface SenderKeyHolders {
  /** All of them, whatever they said since: each may have it. */
  readonly given: ReadonlySet<DeviceId>
  /** Those among them that asked for a message, and may lack it. */
  readonly lost: ReadonlySet<DeviceId>
}

/** Row of the devices that were given the own chain. */
export function encodeHolders({ given, lost }: SenderKeyHolders): Uint8Array<ArrayBuffer> {
  return encodeCbor({ given: [...given].map(idBytes), lost: [...lost].map(idBytes) })
}

/** Throws `client.store` on a row of another shape. */
export function decodeHolders(row: Uint8Array): SenderKeyHolders {
  const fields = new CborFields(decodeCbor(row, ROW_BYTES_MAX), CODE)
  const read = (name: string): Set<DeviceId> =>
    new Set(fields.list(name, ROW_BYTES_MAX).map((id) => parseDeviceId(id instanceof Uint8Array ? hexOf(id) : fields.fail(name))))
  return { given: read('given'), lost: read('lost') }
}

/** Row of another device's chain. */
export function encodeReceived(key: ReceivedSenderKey): Uint8Array<ArrayBuffer> {
  const { distribution, chainId, iteration, chainKey, signingKey, membershipVersion, first } = key
  return encodeCbor({
    distribution, chainId, iteration, chainKey, signingKey, membershipVersion, first, skipped: [...key.skipped].map(([at, seed]) => [at, seed]),
  })
}

/** Throws `client.store` on a row of another shape. */
export function decodeReceived(row: Uint8Array): ReceivedSenderKey {
  const fields = new CborFields(decodeCbor(row, ROW_BYTES_MAX), CODE)
  const skipped = new Map<number, Uint8Array>()
  for (const pair of fields.list('skipped', ROW_BYTES_MAX)) {
    // Array.isArray widens readonly arrays to any[]; what is in it is checked.
    const [at, seed] = Array.isArray(pair) ? (pair as readonly unknown[]) : []
    if (typeof at !== 'number' || !(seed instanceof Uint8Array)) fields.fail('skipped')
    else skipped.set(at, seed)
  }
  return {
    distribution: fields.bytes('distribution', DISTRIBUTION_ID_BYTES), chainId: fields.uint('chainId'), iteration: fields.uint('iteration'),
    chainKey: fields.bytes('chainKey', 32), signingKey: fields.bytes('signingKey', 33), membershipVersion: fields.uint('membershipVersion'),
    first: fields.uint('first'), skipped,
  }
}

/** Row of the distributions that are kept of one device: hex, oldest first. */
export function encodeDistributions(distributions: readonly string[]): Uint8Array<ArrayBuffer> {
  return encodeCbor([...distributions])
}

/** Throws `client.store` on a row of another shape. */
export function decodeDistributions(row: Uint8Array): string[] {
  const fields = new CborFields({ list: decodeCbor(row, ROW_BYTES_MAX) }, CODE)
  return fields.list('list', 64).map((name) => (typeof name === 'string' ? name : fields.fail('distribution')))
}
