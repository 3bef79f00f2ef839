import {
  channelHeadOf, decodeMembershipEntry, draftChannel, emptyChannelState, emptyHead, encodeReadGroup, EvegramError, FRAME_TYPE, LIMITS,
  type AccountId, type ConversationId, type DeviceId,
} from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryChannelLog } from '../adapters/memory/channel-log.js'
import { POSTS_IN_FLIGHT_MAX } from './channel-requests.js'
import { answerTo, follow, foundChannel, offerPost, postNext, readChannel, sealedPost, unfollow } from './channel.fixture.js'
import { FIRST_HEAD_MS } from './channels.js'
import { TestClient } from './client.fixture.js'
import { settle } from './cluster.fixture.js'
import { actorOf, change, found, offer, say, sealed } from './group.fixture.js'
import {
  account, alice, ALICE, ALICE_LAPTOP, ALICE_PHONE, AMPLE, bob, BOB, BOB_PHONE, cluster, device, laptop, log, MALLORY, MALLORY_PHONE, one, restart, SPAN, stay, three, two,
  useScene,
} from './scene.fixture.js'

useScene()

/** A log that a test may hold back. */
class MoodyChannelLog extends MemoryChannelLog {
  beforeAppend: () => Promise<void> = async () => undefined
  afterAppend: () => Promise<void> = async () => undefined
  beforeRead: () => Promise<void> = async () => undefined

  override async append(...args: Parameters<MemoryChannelLog['append']>): ReturnType<MemoryChannelLog['append']> {
    await this.beforeAppend()
    const result = await super.append(...args)
    await this.afterAppend()
    return result
  }

  override async read(...args: Parameters<MemoryChannelLog['read']>): ReturnType<MemoryChannelLog['read']> {
    await this.beforeRead()
    return super.read(...args)
  }
}

let mallory: TestClient
let channel: ConversationId

const connectMallory = async (): Promise<void> => {
  cluster.directory.addDevice(MALLORY, MALLORY_PHONE)
  mallory = new TestClient(cluster, MALLORY, MALLORY_PHONE)
  await mallory.goLive(three)
}

/** Posts of channels that are on the bus are lost while it returns true. */
const losesPosts = (loses: boolean): void => {
  for (const node of cluster.nodes) node.bus.drops = (subject) => loses && subject.startsWith('evegram.channel.')
}

beforeEach(async () => {
  await connectMallory()
  channel = await foundChannel(BOB)
})

describe('a post', () => {
  it('is stored, and answered with its number and the head behind it', async () => {
    const bytes = await sealedPost(alice, emptyChannelState(channel))
    expect(await offerPost(alice, bytes)).toBe(1)
    expect(alice.heads.at(-1)).toMatchObject({ channel, seq: 1, head: channelHeadOf(bytes) })
    expect(await cluster.channelLog.read(channel, 0, 10)).toEqual([bytes])
    expect(one.metrics.posts.value).toBe(1)
  })

  it('reaches every follower on every node once, and nobody else', async () => {
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    await laptop.goLive(one)
    for (const client of [laptop, bob, mallory]) expect(await follow(client, channel)).toEqual([])
    for (const seq of SPAN(1, 3)) expect(await postNext(seq === 2 ? bob : alice, channel)).toBe(seq)
    for (const client of [alice, laptop, bob, mallory]) await client.read()
    expect([alice.posted, laptop.posted, bob.posted, mallory.posted]).toEqual([[], [1, 2, 3], [1, 2, 3], [1, 2, 3]])
  })

  it('is answered only when it is stored and the broker has it', async () => {
    const order: string[] = []
    const moody = new MoodyChannelLog()
    await restart({ channelLog: moody })
    const quiet = await foundChannel()
    moody.afterAppend = async () => { order.push('stored') }
    one.bus.beforeFlush = async () => {
      await settle()
      order.push('flushed')
    }
    const correlation = alice.request(FRAME_TYPE.post, await sealedPost(alice, emptyChannelState(quiet)))
    const publish = one.bus.publish.bind(one.bus)
    one.bus.publish = (subject, bytes) => {
      if (subject.startsWith('evegram.channel.')) order.push('published')
      publish(subject, bytes)
    }
    for (let step = 0; step < 20 && answerTo(alice, correlation) === 'silence'; step++) await alice.read()
    expect(answerTo(alice, correlation)).toBe(1)
    expect(order).toEqual(['stored', 'published', 'flushed'])
  })

  it('of two authors at once is stored once under each number; the other is told of the conflict and signs again', async () => {
    const [ofAlice, ofBob] = [await sealedPost(alice, emptyChannelState(channel)), await sealedPost(bob, emptyChannelState(channel))]
    const asked = [alice.request(FRAME_TYPE.post, ofAlice), bob.request(FRAME_TYPE.post, ofBob)] as const
    await alice.read()
    await bob.read()
    expect([answerTo(alice, asked[0]), answerTo(bob, asked[1])].sort()).toEqual([1, 'conflict.channel_head'])
    const loser = answerTo(alice, asked[0]) === 1 ? bob : alice
    expect(await postNext(loser, channel)).toBe(2)
  })

  it('is answered again as the first time, published again, and stored once', async () => {
    await follow(mallory, channel)
    const bytes = await sealedPost(alice, emptyChannelState(channel))
    losesPosts(true)
    expect(await offerPost(alice, bytes)).toBe(1)
    losesPosts(false)
    expect(await offerPost(alice, bytes)).toBe(1)
    await mallory.read()
    expect(mallory.posted).toEqual([1])
    expect(await postNext(bob, channel)).toBe(2)
    // Meanwhile somebody posted: the answer names the newest.
    expect(await offerPost(alice, bytes)).toBe(2)
    expect(await cluster.channelLog.read(channel, 0, 10)).toHaveLength(2)
    expect(one.metrics.posts.value + two.metrics.posts.value).toBe(2)
  })

  it('comes again after the broker failed', async () => {
    await follow(mallory, channel)
    const bytes = await sealedPost(alice, emptyChannelState(channel))
    one.bus.failure = new EvegramError('unavailable.bus')
    expect(await offerPost(alice, bytes)).toBe('unavailable.bus')
    one.bus.failure = undefined
    expect(await offerPost(alice, bytes)).toBe(1)
    await mallory.read()
    expect(mallory.posted).toEqual([1])
  })

  it.each<[string, () => Promise<Uint8Array>, string]>([
    ['of somebody who is no author', () => sealedPost(mallory, emptyChannelState(channel)), 'denied.not_author'],
    ['in the name of another', () => sealedPost(bob, emptyChannelState(channel), {}, MALLORY_PHONE), 'denied.sender'],
    ['signed by another device', () => sealedPost(mallory, emptyChannelState(channel), {}, ALICE_PHONE), 'denied.not_author'],
    ['in a channel that nobody founded', async () =>
      sealedPost(mallory, emptyChannelState(channel), { channel: 'c'.repeat(32) as ConversationId }), 'not_found.conversation'],
  ])('%s is refused', async (_what, make, code) => {
    expect(await offerPost(mallory, await make())).toBe(code)
    expect((await cluster.channelLog.head(channel)).seq).toBe(0)
  })

  it.each<[string, () => Promise<Uint8Array>, string]>([
    ['with a signature of another key', () => sealedPost(bob, emptyChannelState(channel), {}, ALICE_PHONE), 'proof.signature'],
    ['from long ago', () => sealedPost(bob, emptyChannelState(channel), { atMs: cluster.clock.now() - LIMITS.challengeMs - 1_000 }), 'proof.expired'],
    ['of which an older membership says that it may be', async () => {
      const bytes = await sealedPost(bob, emptyChannelState(channel))
      expect(await change(alice, channel, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
      return bytes
    }, 'stale.membership'],
    ['of which a newer membership says that it may be', () => sealedPost(bob, emptyChannelState(channel), { members: { seq: 9, head: emptyHead() } }), 'stale.membership'],
    ['that names a membership that is not that of the log', () => sealedPost(bob, emptyChannelState(channel), { members: { seq: 1, head: emptyHead() } }), 'denied.not_author'],
    ['that names an account log beyond its end', () => sealedPost(bob, emptyChannelState(channel), {
      author: { account: BOB, device: BOB_PHONE, log: { seq: 99, head: emptyHead() } },
    }), 'account.device_unknown'],
    ['that names an account log that nobody can verify', () => sealedPost(bob, emptyChannelState(channel), {
      author: { ...actorOf(bob), log: { ...actorOf(bob).log, head: new Uint8Array(32).fill(9) } },
    }), 'account.device_unknown'],
    ['that names an account log as it was before', () => sealedPost(bob, emptyChannelState(channel), {
      author: { ...actorOf(bob), log: { seq: actorOf(bob).log.seq - 1, head: emptyHead() } },
    }), 'conflict.log_head'],
    ['behind a post that is not there', () => sealedPost(bob, { ...emptyChannelState(channel), seq: 4 }), 'conflict.channel_head'],
  ])('of an author, %s, is refused', async (_what, make, code) => {
    expect(await offerPost(bob, await make())).toBe(code)
    expect((await cluster.channelLog.head(channel)).seq).toBe(0)
  })

  it('of an author who was removed is refused on every node from the answer to the removal on', async () => {
    expect(await postNext(bob, channel)).toBe(1)
    const before = await sealedPost(bob, await cluster.channelLog.head(channel))
    expect(await change(alice, channel, { kind: 'remove', body: { members: [BOB] } })).toBe('changed')
    expect(await offerPost(bob, before)).toBe('denied.not_author')
    expect(await postNext(bob, channel)).toBe('denied.not_author')
    expect(await postNext(alice, channel)).toBe(2)
  })

  it('is judged by authors that are held under a lease when it is stored', async () => {
    const moody = new MoodyChannelLog()
    await restart({ channelLog: moody })
    const slow = await foundChannel(BOB)
    const bytes = await sealedPost(bob, emptyChannelState(slow))
    // Bob's node knows the authors; before the head is read, Bob is removed and all leases end.
    const head = moody.head.bind(moody)
    let held = true
    moody.head = async (id) => {
      while (held) await settle(1)
      return head(id)
    }
    const correlation = bob.request(FRAME_TYPE.post, bytes)
    await settle()
    expect(await change(alice, slow, { kind: 'remove', body: { members: [BOB] } })).toBe('changed')
    held = false
    await bob.read()
    expect(answerTo(bob, correlation)).toBe('denied.not_author')
    expect((await moody.head(slow)).seq).toBe(0)
  })

  it('of an author and a device that were just added is taken, also by a node that knew the authors before', async () => {
    expect(await offerPost(mallory, await sealedPost(mallory, emptyChannelState(channel)))).toBe('denied.not_author')
    expect(await change(alice, channel, { kind: 'add', body: { members: [MALLORY] } })).toBe('changed')
    expect(await postNext(mallory, channel)).toBe(1)
    cluster.directory.tells = false
    cluster.directory.addDevice(ALICE, ALICE_LAPTOP)
    await laptop.goLive(one)
    expect(await postNext(laptop, channel)).toBe(2)
  })

  it('of a revoked device is refused', async () => {
    expect(await postNext(bob, channel)).toBe(1)
    cluster.directory.tells = false
    cluster.directory.revokeDevice(BOB, BOB_PHONE)
    await cluster.clock.advance(1_100)
    expect(await postNext(bob, channel)).toBe('account.device_unknown')
  })

  it('counts as a message, and a flood of them ends in a close', async () => {
    await restart({ rates: { ...AMPLE, messages: { perSecond: 1, burst: 2 }, patience: { perSecond: 1, burst: 3 } } })
    const limited = await foundChannel()
    expect([await postNext(alice, limited), await postNext(alice, limited)]).toEqual([1, 2])
    expect(await postNext(alice, limited)).toBe('limited.rate')
    expect(alice.failures.at(-1)?.retryAfterMs).toBeGreaterThan(0)
    for (let tried = 0; tried < 3; tried++) await postNext(alice, limited)
    expect(alice.socket.closedBy).toBe('rateLimited')
  })

  it('is refused while too many of the connection are under way', async () => {
    const moody = new MoodyChannelLog()
    await restart({ channelLog: moody })
    const slow = await foundChannel()
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => { release = resolve })
    moody.beforeAppend = () => held
    const bytes = await sealedPost(alice, emptyChannelState(slow))
    const asked = SPAN(1, POSTS_IN_FLIGHT_MAX + 1).map(() => alice.request(FRAME_TYPE.post, bytes))
    await alice.read()
    expect(asked.map((correlation) => answerTo(alice, correlation))).toEqual([...SPAN(1, POSTS_IN_FLIGHT_MAX).map(() => 'silence'), 'limited.queue'])
    release()
    await alice.read()
    expect(asked.slice(0, -1).map((correlation) => answerTo(alice, correlation))).toEqual(SPAN(1, POSTS_IN_FLIGHT_MAX).map(() => 1))
    expect(await postNext(alice, slow)).toBe(2)
  })

  it('that is no post closes the connection', async () => {
    alice.request(FRAME_TYPE.post, Uint8Array.of(1, 2, 3))
    await alice.read()
    expect(alice.socket.closedBy).toBe('protocolError')
  })
})

describe('a follower', () => {
  it('is shown what there is, page by page, and then what comes', async () => {
    for (const seq of SPAN(1, 70)) expect(await postNext(seq % 2 === 0 ? bob : alice, channel)).toBe(seq)
    expect(await follow(mallory, channel)).toEqual(SPAN(1, 64))
    expect(mallory.channelPages.at(-1)?.seq).toBe(70)
    expect(await readChannel(mallory, channel, 64)).toEqual(SPAN(65, 70))
    expect(await readChannel(mallory, channel, 70)).toEqual([])
    expect(await postNext(alice, channel)).toBe(71)
    await mallory.read()
    expect(mallory.posted).toEqual([71])
  })

  it('misses nothing of what is posted while its first page is read', async () => {
    const moody = new MoodyChannelLog()
    await restart({ channelLog: moody })
    const busy = await foundChannel()
    expect(await postNext(alice, busy)).toBe(1)
    let isFirst = true
    moody.beforeRead = async () => {
      if (!isFirst) return
      isFirst = false
      const state = await moody.head(busy)
      expect(await offerPost(alice, await sealedPost(alice, state))).toBe(2)
      await settle()
    }
    const page = await follow(bob, busy)
    for (let step = 0; page === undefined && bob.channelPages.length === 0 && step < 20; step++) await bob.read()
    await bob.read()
    expect(bob.posted).toEqual([2])
    // The page names the newest post that is in it, so that none of it looks missing.
    expect(bob.channelPages.at(-1)).toMatchObject({ seq: 2, head: (await moody.head(busy)).head })
  })

  it('pulls at the next head what was lost on the way', async () => {
    await follow(mallory, channel)
    await postNext(alice, channel)
    await mallory.read()
    losesPosts(true)
    expect(await postNext(alice, channel)).toBe(2)
    losesPosts(false)
    await mallory.read()
    expect(mallory.posted).toEqual([1])
    const before = mallory.heads.length
    for (let passed = 0; passed < LIMITS.channelHeadIntervalMs; passed += 10_000) {
      mallory.request(FRAME_TYPE.ping, new Uint8Array(0))
      await stay(10_000)
    }
    await mallory.read()
    expect(mallory.heads.length).toBeGreaterThan(before)
    expect(mallory.heads.at(-1)).toMatchObject({ channel, seq: 2, correlation: 0 })
    expect(await readChannel(mallory, channel, 1)).toEqual([2])
  })

  it('is told the head soon after the first one of its node came, and then in every interval', async () => {
    await follow(mallory, channel)
    await cluster.clock.advance(FIRST_HEAD_MS + 1_000)
    await mallory.read()
    expect(mallory.heads.map(({ seq }) => seq)).toEqual([0])
    for (let interval = 1; interval <= 3; interval++) {
      mallory.request(FRAME_TYPE.ping, new Uint8Array(0))
      await stay(LIMITS.channelHeadIntervalMs)
      await mallory.read()
      expect(mallory.heads.length).toBeGreaterThanOrEqual(interval + 1)
    }
    expect(mallory.heads.length).toBeLessThanOrEqual(1 + 5)
    expect(three.metrics.headsTold.value).toBe(mallory.heads.length)
    expect(one.metrics.headsTold.value).toBe(0)
  })

  it('is told the head when the store answers again', async () => {
    const moody = new MoodyChannelLog()
    await restart({ channelLog: moody })
    const quiet = await foundChannel()
    await follow(bob, quiet)
    const head = moody.head.bind(moody)
    moody.head = async () => { throw new EvegramError('unavailable.store') }
    await cluster.clock.advance(FIRST_HEAD_MS + 2_000)
    await bob.read()
    expect(bob.heads).toEqual([])
    moody.head = head
    await cluster.clock.advance(2_000)
    await bob.read()
    expect(bob.heads.map(({ seq }) => seq)).toEqual([0])
  })

  it('that reads too slowly is closed with the code that says so, and forgotten', async () => {
    await follow(mallory, channel)
    await follow(bob, channel)
    mallory.socket.full = true
    expect(await postNext(alice, channel)).toBe(1)
    await bob.read()
    expect([mallory.socket.closedBy, bob.posted]).toEqual(['slowConsumer', [1]])
    await settle()
    expect([three.metrics.slowConsumers.value, three.metrics.followers.value, three.metrics.followedChannels.value]).toEqual([1, 0, 0])
    expect(two.metrics.followers.value).toBe(1)
  })

  it('gets nothing any more once it unfollowed, or its connection ended; the last one ends the subscription of its node', async () => {
    cluster.directory.addDevice(account(9), device(90))
    const neighbour = new TestClient(cluster, account(9), device(90))
    await neighbour.goLive(three)
    for (const client of [mallory, neighbour]) await follow(client, channel)
    // Twice is once.
    await follow(mallory, channel)
    expect([three.metrics.followers.value, three.metrics.followedChannels.value]).toEqual([2, 1])
    expect(await postNext(alice, channel)).toBe(1)
    expect(await unfollow(mallory, channel)).toBe(1)
    expect(await unfollow(mallory, channel)).toBe(1)
    expect(await postNext(alice, channel)).toBe(2)
    for (const client of [mallory, neighbour]) await client.read()
    expect([mallory.posted, neighbour.posted, three.metrics.followedChannels.value]).toEqual([[1], [1, 2], 1])
    neighbour.socket.close('idle')
    await settle()
    expect([three.metrics.followers.value, three.metrics.followedChannels.value]).toEqual([0, 0])
    const heard: number[] = []
    const publish = three.topics.publish.bind(three.topics)
    three.topics.publish = (topic, bytes) => {
      heard.push(bytes.length)
      publish(topic, bytes)
    }
    expect(await postNext(alice, channel)).toBe(3)
    await cluster.clock.advance(LIMITS.channelHeadIntervalMs)
    expect(heard).toEqual([])
  })

  it('may follow so many channels on one connection', async () => {
    cluster.directory.addDevice(account(8), device(80))
    const eager = new TestClient(cluster, account(8), device(80))
    await eager.goLive(two)
    const founder = draftChannel(new Uint8Array(16), [], actorOf(alice), cluster.clock.now())
    const channels: ConversationId[] = []
    // Founding takes a lease's time for each: told to the store directly.
    const standing = await cluster.membership.get(channel)
    if (standing?.kind !== 'group') throw new Error('the channel stands')
    for (let number = 0; number <= LIMITS.followedChannelsMax; number++) {
      const id = number.toString(16).padStart(32, '0') as ConversationId
      await cluster.membership.changeGroup({ ...standing, conversation: id, group: { ...standing.group, conversation: id } }, sealed(founder))
      channels.push(id)
    }
    for (const id of channels.slice(0, -1)) expect(await follow(eager, id)).toEqual([])
    const [last, first] = [channels.at(-1), channels[0]]
    if (last === undefined || first === undefined) throw new Error('no channels')
    expect(await follow(eager, last)).toBe('limited.channels')
    expect(await follow(eager, first)).toEqual([])
    expect(two.metrics.followers.value).toBe(LIMITS.followedChannelsMax)
    await unfollow(eager, first)
    expect(await follow(eager, last)).toEqual([])
  })

  it('does not follow when the broker did not take the subscription', async () => {
    three.bus.failure = new EvegramError('unavailable.bus')
    expect(await follow(mallory, channel)).toBe('unavailable.bus')
    three.bus.failure = undefined
    expect([three.metrics.followers.value, three.metrics.followedChannels.value]).toEqual([0, 0])
    expect(await follow(mallory, channel)).toEqual([])
    await postNext(alice, channel)
    await mallory.read()
    expect(mallory.posted).toEqual([1])
  })

  it('that is gone before it follows leaves nothing behind', async () => {
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => { release = resolve })
    const get = cluster.membership.get.bind(cluster.membership)
    cluster.membership.get = async (id) => {
      await held
      return get(id)
    }
    await cluster.clock.advance(1_100)
    const following = follow(mallory, channel)
    await following
    mallory.socket.close('idle')
    await settle()
    release()
    await settle()
    expect([three.metrics.followers.value, three.metrics.followedChannels.value]).toEqual([0, 0])
  })

  it('is told of a channel or a group that is none', async () => {
    const group = await found(BOB)
    for (const id of ['e'.repeat(32) as ConversationId, group, await alice.conversationWith(BOB)]) {
      expect(await follow(bob, id)).toBe('not_found.conversation')
      expect(await readChannel(bob, id)).toBe('not_found.conversation')
    }
  })

  it('finds what is older than the retention gone, and the number of the head standing', async () => {
    expect(await postNext(alice, channel)).toBe(1)
    while (await cluster.channelLog.trim(cluster.clock.now() + 1) > 0);
    expect(await follow(mallory, channel)).toEqual([])
    expect(mallory.channelPages.at(-1)?.seq).toBe(1)
    expect(await postNext(alice, channel)).toBe(2)
    expect(await readChannel(mallory, channel)).toEqual([2])
  })
})

describe('a channel', () => {
  it('takes no messages, and has no history of them', async () => {
    const appends = log.appends.length
    expect(await say(alice, channel, 1)).toBe('not_found.conversation')
    expect(log.appends.length).toBe(appends)
    const failures = alice.failures.length
    await alice.history(channel)
    expect(alice.failures[failures]?.code).toBe('not_found.conversation')
  })

  it('shows its authors to everybody, which a group does not', async () => {
    mallory.request(FRAME_TYPE.readGroup, encodeReadGroup({ conversation: channel, after: 0 }))
    await mallory.read()
    expect(mallory.groups.at(-1)?.entries.map((entry) => decodeMembershipEntry(entry))).toMatchObject([{ kind: 'create_channel', body: { members: [BOB] } }])
    const group = await found(BOB)
    mallory.request(FRAME_TYPE.readGroup, encodeReadGroup({ conversation: group, after: 0 }))
    await mallory.read()
    expect(mallory.failures.at(-1)?.code).toBe('denied.not_member')
  })

  it('has no author that does not exist', async () => {
    const nobody: AccountId = account(77)
    const draft = draftChannel(new Uint8Array(16).fill(99), [nobody], actorOf(alice), cluster.clock.now())
    expect(await offer(alice, sealed(draft))).toBe('account.not_found')
  })

  it('is not wide, however many its authors', async () => {
    const authors = Array.from({ length: 70 }, (_, index) => account(200 + index))
    authors.forEach((author, index) => { cluster.directory.addDevice(author, `f${index.toString(16).padStart(31, '0')}` as DeviceId) })
    const large = await foundChannel(...authors)
    expect(await cluster.membership.get(large)).toMatchObject({ wide: false })
  })
})
