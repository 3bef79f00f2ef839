import { channelPostHash, draftChannelPost, LIMITS, sealChannelPost, type ChannelPostDraft, type ConversationId } from '@evegram/protocol'
import type { Channel } from '../../channel.js'
import { readChannel, readChannelLog } from '../../core/channel-row.js'
import { sealChannelBody } from '../../crypto/channel-cipher.js'
import { signWithSigning } from '../../crypto/device-keys.js'
import type { ClientEvents } from '../../events.js'
import { MemoryStore } from '../../store/memory.js'
import { FakeServer } from './fake-server.js'
import { openTestClient, testWallet, type TestClient } from './test-client.js'
import { rest, VirtualClock } from './virtual-clock.js'

/** A server, an owner (alice) with her channel, an author (bob) and a follower (carol) who opened its link. */
export interface ChannelScene {
  readonly server: FakeServer
  readonly clock: VirtualClock
  readonly alice: TestClient
  readonly bob: TestClient
  readonly carol: TestClient
  readonly id: ConversationId
  /** The channel as each of them has it. */
  readonly own: Channel
  readonly written: Channel
  readonly read: Channel
}

/** Everybody in their places, nothing posted yet but the name. */
export async function channelScene(): Promise<ChannelScene> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const [alice, bob, carol] = await Promise.all((['alice', 'bob', 'carol'] as const).map((name) => openTestClient(server, new MemoryStore(), testWallet(name))))
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error('three clients were opened')
  const own = await alice.client.createChannel({ name: 'Harbour news', authors: [bob.client.address] })
  const written = await bob.client.followChannel(own.link)
  const read = await carol.client.followChannel(own.link)
  await rest()
  return { server, clock, alice, bob, carol, id: own.id, own, written, read }
}

/** Events of one name, in order. */
export function told<Name extends keyof ClientEvents>(test: TestClient, name: Name): ClientEvents[Name][] {
  return test.log.filter((entry) => entry.name === name).map(({ event }) => event as ClientEvents[Name])
}

/** Everything that a client complained about. */
export function complaints(test: TestClient): unknown[] {
  return [...told(test, 'channel-alarm'), ...told(test, 'channel-gap'), ...told(test, 'fault'), ...told(test, 'channel-post-failed'), ...told(test, 'security')]
}

/** Texts of a channel as stored, in its order. */
export async function textsOf(channel: Channel): Promise<string[]> {
  return (await channel.posts({ limit: 1_000 })).map(({ text }) => text)
}

/** The channel as another run, or another client, of the same profile has it. */
export async function channelOf(test: TestClient, id: ConversationId): Promise<Channel> {
  const channel = await test.client.channel(id)
  if (channel === undefined) throw new Error('the profile does not follow the channel')
  return channel
}

/** A post as a device could make it that knows the channel and keeps no rule: what `change` says is signed. */
export async function craftPost(scene: ChannelScene, by: TestClient, change: Partial<ChannelPostDraft> = {}, text = 'crafted'): Promise<Uint8Array> {
  const { core } = by.core
  const [row, log] = [await readChannel(scene.alice.core.core.store, scene.id), await readChannelLog(scene.alice.core.core.store, scene.id)]
  if (row === undefined || log === undefined) throw new Error('alice follows her channel')
  const { seq, head } = await core.roster.refresh(core.account)
  const draft = {
    ...draftChannelPost(scene.server.channels.stateOf(scene.id), {
      author: { account: core.account, device: core.device, log: { seq, head } }, members: { seq: log.group.state.seq, head: log.group.state.head },
      atMs: scene.clock.now(), body: sealChannelBody(row.key, { channel: scene.id, device: core.device }, { kind: 'text', name: row.name, text }, core.random),
    }),
    ...change,
  }
  return sealChannelPost(draft, signWithSigning(core.keys, channelPostHash(draft)))
}

/** Everything that there is becomes older than the retention while nobody is connected; then `back` are. */
export async function monthPasses({ server, clock, alice, bob, carol }: ChannelScene, ...back: readonly TestClient[]): Promise<void> {
  for (const { link } of [alice, bob, carol]) link.down()
  await clock.advance(LIMITS.retentionMs + 1)
  server.channels.trim(clock.now() - LIMITS.retentionMs)
  for (const { link } of back) link.up()
  await rest()
}
