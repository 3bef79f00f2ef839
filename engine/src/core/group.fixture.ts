import {
  ALL_DEVICES, BODY_TYPE, draftGroup, draftMembershipEntry, emptyHead, FRAME_TYPE, membershipEntryHash, sealMembershipEntry,
  type AccountId, type ConversationId, type DeviceId, type GroupState, type MembershipChange, type MembershipDraft, type MembershipEntry,
} from '@evegram/protocol'
import { expect } from 'vitest'
import type { TestClient } from './client.fixture.js'
import { testSignature } from './cluster.fixture.js'
import { signingKeyOf } from './directory.fixture.js'
import { LEASES_ENDED_MS } from './group-requests.js'
import { alice, cluster } from './scene.fixture.js'

const SALT = new Uint8Array(16).fill(3)

/** The client as the actor of an entry. */
export const actorOf = (client: TestClient): MembershipEntry['actor'] => ({
  account: client.account, device: client.device, log: { seq: cluster.directory.seqOf(client.account), head: emptyHead() },
})
/** The bytes of an entry, signed. */
export const sealed = (draft: MembershipDraft, by: DeviceId = draft.actor.device): Uint8Array =>
  sealMembershipEntry(draft, testSignature(signingKeyOf(by), membershipEntryHash(draft))).bytes

/** Sends an entry and waits for the answer, which other nodes' leases hold up. */
export async function offer(client: TestClient, bytes: Uint8Array): Promise<string> {
  const [opened, failures] = [client.opened.length, client.failures.length]
  client.request(FRAME_TYPE.changeGroup, bytes)
  await client.read()
  if (client.failures.length === failures && client.opened.length === opened) await cluster.clock.advance(LEASES_ENDED_MS)
  await client.read()
  return client.failures[failures]?.code ?? (client.opened.length > opened ? 'changed' : 'silence')
}

/** The state of a group as it stands. */
export async function stateOf(conversation: ConversationId): Promise<GroupState> {
  const standing = await cluster.membership.get(conversation)
  if (standing?.kind !== 'group') throw new Error('no such group')
  return standing.group
}

/** Founds a group of Alice and `members`; returns its id. */
export async function found(...members: readonly AccountId[]): Promise<ConversationId> {
  const draft = draftGroup(SALT, members, actorOf(alice), cluster.clock.now())
  expect(await offer(alice, sealed(draft))).toBe('changed')
  return draft.conversation
}

/** Changes the group as it stands. */
export async function change(client: TestClient, conversation: ConversationId, wanted: MembershipChange): Promise<string> {
  return offer(client, sealed(draftMembershipEntry(await stateOf(conversation), wanted, actorOf(client), cluster.clock.now())))
}

/** One body for all, under the current versions unless others are given. */
export async function say(
  client: TestClient, conversation: ConversationId, number: number,
  fields: { membershipVersion?: number; versions?: readonly { account: AccountId; seq: number }[]; refusals?: number } = {},
): Promise<string> {
  const standing = await cluster.membership.get(conversation)
  const versions = fields.versions ?? (standing?.members ?? []).map((member) => ({ account: member, seq: cluster.directory.seqOf(member) }))
  const [acks, failures] = [client.acks.length, client.failures.length]
  client.send({
    conversation, number, versions, membershipVersion: fields.membershipVersion ?? standing?.version ?? 0, bodies: [{ device: ALL_DEVICES, type: BODY_TYPE.senderKey }],
  }, fields.refusals)
  await client.read()
  return client.acks.length > acks ? 'stored' : client.failures[failures]?.code ?? 'silence'
}
