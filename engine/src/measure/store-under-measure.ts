import { randomBytes } from 'node:crypto'
import { createMetrics, silentLogger, systemClock } from '@evegram/platform'
import { CassandraSession } from '@evegram/platform/cassandra'
import {
  BODY_TYPE, bytesOfHex, encodeEnvelope, ENVELOPE_KIND, parseAccountId, parseConversationId, parseDeviceId,
  type AccountId, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import type { BacklogGuide } from '../core/resume.js'

const IN_FLIGHT_MAX = 128
const BODY_BYTES = 220

/** A keyspace of its own for one measurement. */
export interface MeasuredStore {
  readonly session: CassandraSession
  /** Plain reads sent to Cassandra so far. */
  reads(): Promise<number>
  /** Name of the keyspace, to be looked up in Cassandra's own tables of figures. */
  readonly keyspace: string
}

/** Connects to Cassandra at `contactPoints` (`host:port`) and makes a fresh keyspace with `copies` copies of everything. */
export async function openMeasuredStore(contactPoints: readonly string[], localDataCenter: string, copies: number): Promise<MeasuredStore> {
  const metrics = createMetrics()
  const keyspace = `measure_${randomBytes(6).toString('hex')}`
  const session = await CassandraSession.connect({
    contactPoints, localDataCenter, keyspace, replication: { class: 'NetworkTopologyStrategy', factors: { [localDataCenter]: copies } },
    consistency: 'LOCAL_QUORUM', inFlightMax: IN_FLIGHT_MAX,
  }, { log: silentLogger, clock: systemClock(), metrics })
  return {
    session, keyspace,
    reads: async () => (await metrics.text()).split('\n').filter((line) => /^\S*cassandra_requests_total\{kind="read"\}/.test(line))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0),
  }
}

const hexOf = (prefix: string, number: number): string => prefix + number.toString(16).padStart(32 - prefix.length, '0')

export const accountAt = (number: number): AccountId => parseAccountId(hexOf('a', number))
export const deviceAt = (number: number): DeviceId => parseDeviceId(hexOf('d', number))
export const conversationAt = (number: number): ConversationId => parseConversationId(hexOf('c', number))
export const deviceBytesAt = (number: number): Uint8Array => bytesOfHex(deviceAt(number))

/** Message `number` of device 1 of account 1 in a conversation, for device 2. */
export function envelopeAt(conversation: ConversationId, number: number, atMs: number): Uint8Array {
  return encodeEnvelope({
    kind: ENVELOPE_KIND.message, conversation, device: deviceAt(1), account: accountAt(1), epoch: 1, number, order: BigInt(atMs) << 16n, membershipVersion: 1,
    accounts: [{ account: accountAt(1), seq: 1 }, { account: accountAt(2), seq: 1 }], bodies: [{ device: deviceAt(2), type: BODY_TYPE.opaque, bytes: new Uint8Array(BODY_BYTES) }],
  })
}

/** For a backlog that is read without a node: nothing is sent meanwhile. */
export const NO_GUIDE: BacklogGuide = { prepare: async () => undefined, reading: () => undefined }

/** Runs `work` for every item, `width` at a time. */
export async function eachOf<Item>(items: Iterable<Item>, width: number, work: (item: Item) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]()
  await Promise.all(Array.from({ length: width }, async () => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await work(next.value)
  }))
}
