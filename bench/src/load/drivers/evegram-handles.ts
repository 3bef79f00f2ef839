import {
  parseAccountId, parseConversationId, parseDeviceId,
  type AccountId, type AccountVersion, type ConversationId, type DeviceId, type LogHead, type Opened,
} from '@evegram/protocol'
import type { Handle } from './driver.js'

/** Account and device of a client. */
export interface Address {
  readonly account: AccountId
  readonly device: DeviceId
}

/** What sending into a direct conversation or a group needs. */
export interface EnvelopeConversation {
  readonly conversation: ConversationId
  readonly membershipVersion: number
  readonly versions: readonly AccountVersion[]
  /** Both devices of a direct conversation; none for a group, whose bodies are for all devices. */
  readonly devices: readonly Address[]
}

/** What posting and following needs. */
export interface ChannelConversation {
  readonly channel: ConversationId
  readonly members: LogHead
  readonly author: DeviceId
}

/** Reads an address; throws for what is none. */
export function readAddress(handle: Handle): Address {
  return { account: parseAccountId(String(handle['account'])), device: parseDeviceId(String(handle['device'])) }
}

/** The handle of a direct conversation or a group, from what the server answered. */
export function envelopeHandle({ conversation, membershipVersion, members }: Opened, devices: readonly Address[]): Handle {
  return {
    conversation, membershipVersion, versions: members.map(({ account, seq }) => ({ account, seq })), devices: devices.map(({ account, device }) => ({ account, device })),
  }
}

/** Reads what {@link envelopeHandle} made; throws for anything else. */
export function readEnvelopeHandle(handle: Handle): EnvelopeConversation {
  return {
    conversation: parseConversationId(String(handle['conversation'])), membershipVersion: Number(handle['membershipVersion']),
    versions: listOf(handle['versions']).map((version) => ({ account: parseAccountId(String(version['account'])), seq: Number(version['seq']) })),
    devices: listOf(handle['devices']).map(readAddress),
  }
}

/** The handle of a channel. */
export function channelHandle({ channel, members, author }: ChannelConversation): Handle {
  return { channel, membersSeq: members.seq, membersHead: members.head, author }
}

/** Reads what {@link channelHandle} made; throws for anything else. */
export function readChannelHandle(handle: Handle): ChannelConversation {
  const head = handle['membersHead']
  if (!(head instanceof Uint8Array)) throw new TypeError('not the handle of a channel')
  // A Buffer is a Uint8Array, but compares unequal to one in places that look at the class: plain bytes from here on.
  return {
    channel: parseConversationId(String(handle['channel'])), members: { seq: Number(handle['membersSeq']), head: Uint8Array.from(head) }, author: parseDeviceId(String(handle['author'])),
  }
}

function listOf(value: unknown): readonly Handle[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'object' && item !== null)) throw new TypeError('not the handle of a conversation')
  return value as readonly Handle[] // each was found to be an object just now
}
