import {
  channelPostHash, channelStateAfter, decodeChannelPost, draftChannel, draftChannelPost, encodeReadChannel, encodeUnfollow, FRAME_TYPE, sealChannelPost,
  type AccountId, type ChannelPostDraft, type ChannelState, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import { expect } from 'vitest'
import type { TestClient } from './client.fixture.js'
import { testSignature } from './cluster.fixture.js'
import { signingKeyOf } from './directory.fixture.js'
import { actorOf, offer, sealed, stateOf } from './group.fixture.js'
import { alice, cluster } from './scene.fixture.js'

let founded = 0

/** Founds a channel of Alice and further authors; returns its id. */
export async function foundChannel(...authors: readonly AccountId[]): Promise<ConversationId> {
  const draft = draftChannel(new Uint8Array(16).fill(++founded), authors, actorOf(alice), cluster.clock.now())
  expect(await offer(alice, sealed(draft))).toBe('changed')
  return draft.conversation
}

/** A post of the client behind `state`, naming the authors as they are now unless `fields` say otherwise; signed by its device, or by another. */
export async function sealedPost(client: TestClient, state: ChannelState, fields: Partial<ChannelPostDraft> = {}, by: DeviceId = client.device): Promise<Uint8Array> {
  const { seq, head } = await stateOf(state.channel)
  const draft = draftChannelPost(state, { author: actorOf(client), members: { seq, head }, atMs: cluster.clock.now(), body: new Uint8Array(50).fill(state.seq + 1), ...fields })
  return sealChannelPost(draft, testSignature(signingKeyOf(by), channelPostHash(draft)))
}

/** Posts of the client that are signed each upon the one before it, the first upon `state`; with the states behind them. */
export async function sealedRun(client: TestClient, state: ChannelState, count: number): Promise<{ readonly posts: readonly Uint8Array[]; readonly states: readonly ChannelState[] }> {
  const posts: Uint8Array[] = []
  const states: ChannelState[] = []
  for (let behind = state; posts.length < count;) {
    const bytes = await sealedPost(client, behind)
    behind = channelStateAfter(behind, decodeChannelPost(bytes), bytes)
    posts.push(bytes)
    states.push(behind)
  }
  return { posts, states }
}

/** Offers the bytes of a post; the code of the refusal, or the number that the answer names. */
export async function offerPost(client: TestClient, bytes: Uint8Array): Promise<string | number> {
  const correlation = client.request(FRAME_TYPE.post, bytes)
  await client.read()
  return answerTo(client, correlation)
}

/** What a request was answered with: a code, or the number of the head. */
export function answerTo(client: TestClient, correlation: number): string | number {
  return client.failures.find((failure) => failure.correlation === correlation)?.code ?? client.heads.find((head) => head.correlation === correlation)?.seq ?? 'silence'
}

/** Posts behind what the store has. */
export async function postNext(client: TestClient, channel: ConversationId, fields: Partial<ChannelPostDraft> = {}): Promise<string | number> {
  return offerPost(client, await sealedPost(client, await cluster.channelLog.head(channel), fields))
}

/** Follows from `after` on; the numbers of the page that was answered, or the code of the refusal. */
export async function follow(client: TestClient, channel: ConversationId, after = 0): Promise<readonly number[] | string | undefined> {
  return pageOf(client, client.request(FRAME_TYPE.follow, encodeReadChannel({ channel, after })))
}

/** Reads without following. */
export async function readChannel(client: TestClient, channel: ConversationId, after = 0): Promise<readonly number[] | string | undefined> {
  return pageOf(client, client.request(FRAME_TYPE.readChannel, encodeReadChannel({ channel, after })))
}

/** Ends following; the number of the head that was answered. */
export async function unfollow(client: TestClient, channel: ConversationId): Promise<string | number> {
  const correlation = client.request(FRAME_TYPE.unfollow, encodeUnfollow({ channel }))
  await client.read()
  return answerTo(client, correlation)
}

async function pageOf(client: TestClient, correlation: number): Promise<readonly number[] | string | undefined> {
  const pages = client.channelPages.length
  await client.read()
  const failure = client.failures.find((candidate) => candidate.correlation === correlation)
  if (failure !== undefined) return failure.code
  return client.channelPages.length > pages ? client.channelPages.at(-1)?.posts.map((post) => decodeChannelPost(post).seq) : undefined
}
