import { describe, expect, it } from 'vitest'
import { EvegramError, formatChannelLink, LIMITS, parseChannelLink, parseConversationId } from '@evegram/protocol'
import { CHANNEL_POSTS_KEPT_MAX, readChannel } from '../core/channel-row.js'
import { MemoryStore } from '../store/memory.js'
import { WAITING_POSTS_MAX } from './channel-outbox.js'
import { FOLLOWER_LIMITS } from './channel-follower.js'
import { channelOf, channelScene, monthPasses, complaints, craftPost, textsOf, told } from './testing/channel-scene.js'
import { openTestClient, testWallet } from './testing/test-client.js'
import { rest } from './testing/virtual-clock.js'

describe('a channel', () => {
  it('is founded, followed by its link, posted in and read by everybody', async () => {
    const { alice, bob, carol, own, written, read } = await channelScene()
    expect([await read.name(), await read.role(), await written.role(), await own.role()]).toEqual(['Harbour news', undefined, 'member', 'owner'])
    const first = await own.post('one')
    const second = await written.post('two')
    const third = await own.post('three')
    await rest()
    expect([first.seq, second.seq, third.seq]).toEqual([2, 3, 4])
    for (const each of [own, read, written]) expect(await textsOf(each)).toEqual(['one', 'two', 'three'])
    expect(told(carol, 'channel-post').map(({ seq, by, from, name }) => ({ seq, by, from, name }))).toEqual([
      { seq: 2, by: alice.client.account, from: alice.client.address, name: 'Harbour news' },
      { seq: 3, by: bob.client.account, from: bob.client.address, name: 'Harbour news' },
      { seq: 4, by: alice.client.account, from: alice.client.address, name: 'Harbour news' },
    ])
    expect((await read.authors()).map(({ address, role }) => `${address} ${role}`).sort()).toEqual([`${alice.client.address} owner`, `${bob.client.address} member`].sort())
    for (const test of [alice, bob, carol]) expect(complaints(test)).toEqual([])
  })

  it('shows its posts by number: the newest, or those behind one', async () => {
    const { own } = await channelScene()
    for (const text of ['one', 'two', 'three']) await own.post(text)
    expect((await own.posts({ limit: 2 })).map(({ text }) => text)).toEqual(['two', 'three'])
    expect((await own.posts({ after: 2, limit: 1 })).map(({ seq, text }) => [seq, text])).toEqual([[3, 'two']])
    expect(await own.seq()).toBe(4)
  })

  it('is read by who comes later, from the first post that is kept', async () => {
    const scene = await channelScene()
    const { server, alice, own } = scene
    for (const text of ['one', 'two', 'three', 'four', 'five']) await own.post(text)
    const dave = await openTestClient(server, new MemoryStore(), testWallet('dave', 'ton'))
    expect(await textsOf(await dave.client.followChannel(own.link))).toEqual(['one', 'two', 'three', 'four', 'five'])
    dave.link.down()
    await monthPasses(scene, alice)
    await own.post('six')
    const erin = await openTestClient(server, new MemoryStore(), testWallet('erin', 'terra'))
    expect(await textsOf(await erin.client.followChannel(own.link))).toEqual(['six'])
    for (const test of [dave, erin]) expect(complaints(test)).toEqual([])
  })

  it('catches up after an outage and after a restart, each post once', async () => {
    const { server, carol, own, read, id } = await channelScene()
    await own.post('one')
    await rest()
    carol.link.down()
    for (const text of ['two', 'three', 'four', 'five', 'six']) await own.post(text)
    expect(await textsOf(read)).toEqual(['one'])
    carol.link.up()
    await rest()
    expect(told(carol, 'channel-post').map(({ text }) => text)).toEqual(['one', 'two', 'three', 'four', 'five', 'six'])
    await carol.core.close()
    await own.post('seven')
    const again = await openTestClient(server, carol.store)
    await rest()
    expect(told(again, 'channel-post').map(({ text }) => text)).toEqual(['seven'])
    expect(await textsOf(await channelOf(again, id))).toEqual(['one', 'two', 'three', 'four', 'five', 'six', 'seven'])
    expect([...complaints(carol), ...complaints(again)]).toEqual([])
  })

  it('costs no request for what is pushed', async () => {
    const { server, own, read } = await channelScene()
    const { reads } = server.channels
    for (let number = 1; number <= 5; number++) await own.post(String(number))
    await rest()
    expect(await textsOf(read)).toHaveLength(5)
    expect(server.channels.reads).toBe(reads)
  })

  it('is never a conversation: nothing is sent to it or taken from it as a message', async () => {
    const { alice, bob, own, id } = await channelScene()
    await own.post('one')
    await expect(alice.core.groupLogs.refresh(id)).rejects.toMatchObject({ code: 'not_found.conversation' })
    await expect(alice.client.group(id)).rejects.toMatchObject({ code: 'not_found.conversation' })
    for (const test of [alice, bob]) {
      expect(await test.client.groups()).toEqual([])
      expect(await test.client.conversations()).toEqual([])
      expect(told(test, 'group-alarm')).toEqual([])
    }
    const group = await alice.client.createGroup('North gate', [bob.client.account])
    expect(await alice.client.channel(group.id)).toBeUndefined()
    const { key } = parseChannelLink(own.link)
    await expect(bob.client.followChannel(formatChannelLink({ domain: bob.client.domain, channel: group.id, key }))).rejects.toMatchObject({ code: 'channel.key' })
  })
})

describe('a link', () => {
  it('is refused where it leads nowhere', async () => {
    const { carol, bob, own, id } = await channelScene()
    const { key } = parseChannelLink(own.link)
    const domain = carol.client.domain
    await expect(carol.client.followChannel('evegram:nonsense')).rejects.toMatchObject({ code: 'invalid.channel_link' })
    await expect(carol.client.followChannel(formatChannelLink({ domain: 'elsewhere.test', channel: id, key }))).rejects.toMatchObject({ code: 'client.domain_mismatch' })
    await expect(carol.client.followChannel(formatChannelLink({ domain, channel: parseConversationId('ab'.repeat(16)), key }))).rejects.toMatchObject({ code: 'not_found.conversation' })
    const wrong = formatChannelLink({ domain, channel: id, key: key.map((byte) => byte ^ 1) })
    // Known or not: a key that does not belong to the channel is refused.
    await expect(carol.client.followChannel(wrong)).rejects.toMatchObject({ code: 'channel.key' })
    await bob.client.channel(id).then((channel) => channel?.leave())
    await expect(bob.client.followChannel(wrong)).rejects.toMatchObject({ code: 'channel.key' })
    expect(await bob.client.channels()).toEqual([])
  })

  it('is opened once, however often', async () => {
    const { server, carol, own, read } = await channelScene()
    const { reads } = server.channels
    const [first, second] = await Promise.all([carol.client.followChannel(own.link), carol.client.followChannel(own.link)])
    expect([first?.id, second?.id, (await carol.client.channels()).length]).toEqual([read.id, read.id, 1])
    expect(server.channels.reads).toBe(reads)
  })

  it('needs a connection the first time', async () => {
    const { bob, carol, own } = await channelScene()
    carol.link.down()
    bob.link.down()
    expect((await carol.client.followChannel(own.link)).id).toBe(own.id)
    await expect(bob.client.createChannel({ name: 'x' })).rejects.toMatchObject({ code: 'unavailable.server' })
    await expect(bob.client.createChannel({ name: '' })).rejects.toMatchObject({ code: 'invalid.argument' })
  })
})

describe('a post', () => {
  it('waits for a connection, over a restart too, and is posted once', async () => {
    const { server, alice, own, read, id } = await channelScene()
    alice.link.down()
    const waiting = own.post('later').catch((error: unknown) => error)
    await rest()
    expect(alice.client.pending).toBe(1)
    await alice.core.close()
    expect(await waiting).toMatchObject({ code: 'client.closed' })
    const again = await openTestClient(server, alice.store)
    await rest()
    expect(await textsOf(read)).toEqual(['later'])
    expect(await textsOf(await channelOf(again, id))).toEqual(['later'])
    expect(again.client.pending).toBe(0)
  })

  it.each(['before', 'after'] as const)('is posted once when the answer is lost %s it was stored', async (when) => {
    const { server, alice, own, written, read } = await channelScene()
    let lost = 0
    server.lies = { channels: { lose: () => (lost++ === 0 ? when : undefined) } }
    const posting = own.post('mine')
    await rest()
    expect(alice.client.pending).toBe(1)
    alice.link.down()
    server.lies = {}
    await written.post('theirs')
    alice.link.up()
    const { seq } = await posting
    await rest()
    expect(seq).toBe(when === 'after' ? 2 : 3)
    for (const channel of [own, read, written]) expect((await textsOf(channel)).sort()).toEqual(['mine', 'theirs'])
    expect(complaints(alice)).toEqual([])
  })

  it('that two authors make at once gets two numbers, and keeps the order of each', async () => {
    const { server, clock, alice, bob, carol, own, written, read } = await channelScene()
    const numbers = Array.from({ length: 8 }, (_, index) => String(index))
    const posting = [...numbers.map((number) => own.post(`a${number}`)), ...numbers.map((number) => written.post(`b${number}`))]
    await clock.advance(120_000)
    const seqs = (await Promise.all(posting)).map(({ seq }) => seq)
    expect([...seqs].sort((left, right) => left - right)).toEqual(Array.from({ length: 16 }, (_, index) => index + 2))
    const texts = await textsOf(read)
    expect([texts.filter((text) => text.startsWith('a')), texts.filter((text) => text.startsWith('b'))]).toEqual([numbers.map((number) => `a${number}`), numbers.map((number) => `b${number}`)])
    expect(await textsOf(own)).toEqual(texts)
    expect(server.channels.offered.length).toBeGreaterThan(17)
    for (const test of [alice, bob, carol]) expect(complaints(test)).toEqual([])
  })

  it('is refused where it can never be posted', async () => {
    const { alice, own, read } = await channelScene()
    await expect(read.post('hello')).rejects.toMatchObject({ code: 'denied.not_author' })
    await expect(own.post('')).rejects.toMatchObject({ code: 'invalid.argument' })
    await expect(own.post('x'.repeat(LIMITS.textBytesMax + 1))).rejects.toMatchObject({ code: 'too_large.channel_post' })
    alice.link.down()
    const waiting = Array.from({ length: WAITING_POSTS_MAX }, (_, index) => own.post(String(index)).catch(() => undefined))
    await rest()
    await expect(own.post('one more')).rejects.toMatchObject({ code: 'limited.queue' })
    await alice.core.close()
    await Promise.all(waiting)
  })

  it('that the server refuses for good is given up, and told; what follows is posted', async () => {
    const { server, alice, own, read } = await channelScene()
    let refused = 0
    server.lies = { channels: { refuse: () => (refused++ === 0 ? new EvegramError('too_large.channel_post', { operation: 'post' }) : undefined) } }
    const first = own.post('first')
    const second = own.post('second')
    await expect(first).rejects.toMatchObject({ code: 'too_large.channel_post' })
    expect((await second).seq).toBe(2)
    await rest()
    expect(told(alice, 'channel-post-failed')).toMatchObject([{ text: 'first', error: { code: 'too_large.channel_post' } }])
    expect(await textsOf(read)).toEqual(['second'])
  })

  it('is tried again while the server is out of order', async () => {
    const { server, clock, own, read } = await channelScene()
    let refused = 0
    server.lies = { channels: { refuse: () => (refused++ < 3 ? new EvegramError('unavailable.store', { operation: 'post' }) : undefined) } }
    const posting = own.post('at last')
    await clock.advance(60_000)
    expect((await posting).seq).toBe(2)
    expect([await textsOf(read), refused]).toEqual([['at last'], 4])
  })

  it('that waited for hours is signed with the time of today', async () => {
    const { server, clock, alice, own, read } = await channelScene()
    server.lies = { channels: { lose: () => 'before' } }
    const posting = own.post('late')
    await rest()
    alice.link.down()
    server.lies = {}
    await clock.advance(3 * 3_600_000)
    alice.link.up()
    await posting
    await rest()
    expect((await read.posts())[0]?.atMs).toBe(clock.now())
  })
})

describe('authors', () => {
  it('that are added may post at once, and those that are removed may not any more, and go on reading', async () => {
    const { alice, bob, carol, own, written, read } = await channelScene()
    await own.addAuthor(carol.client.address)
    expect(await read.role()).toBeUndefined()
    expect((await read.post('by carol')).seq).toBe(3)
    await own.removeAuthor(bob.client.address)
    await rest()
    await expect(written.post('by bob')).rejects.toMatchObject({ code: 'denied.not_author' })
    await own.post('by alice')
    await rest()
    expect(await textsOf(written)).toEqual(['by carol', 'by alice'])
    expect(told(bob, 'channel-changed').map(({ left }) => left)).toContainEqual([bob.client.account])
    for (const test of [alice, carol]) expect(complaints(test)).toEqual([])
  })

  it('are told by a post, which a crash between change and post does not leave out', async () => {
    const { server, alice, bob, own, id } = await channelScene()
    expect(server.channels.stateOf(id).members.seq).toBe(1)
    // The connection ends with the answer to the change: nothing can be posted.
    await own.removeAuthor(bob.client.address)
    alice.link.down()
    await alice.core.close()
    const before = server.channels.stateOf(id)
    const again = await openTestClient(server, alice.store)
    await rest()
    expect([before.members.seq, server.channels.stateOf(id).members.seq, server.channels.stateOf(id).seq]).toEqual([1, 2, 2])
    expect(complaints(again)).toEqual([])
  })

  it('have the say that their role gives them', async () => {
    const { bob, carol, own, written } = await channelScene()
    await expect(written.addAuthor(carol.client.address)).rejects.toMatchObject({ code: 'group.role' })
    await own.setRole(bob.client.address, 'admin')
    await written.addAuthor(carol.client.address)
    await expect(written.removeAuthor(own.id)).rejects.toMatchObject({ code: 'account.not_found' })
    expect((await written.authors()).length).toBe(3)
  })

  it('leave, but for the last owner of others; followers just go, and forget', async () => {
    const { server, alice, bob, carol, own, written, read, id } = await channelScene()
    await own.post('one')
    await rest()
    await expect(own.leave()).rejects.toMatchObject({ code: 'group.last_owner' })
    await written.leave()
    await read.leave()
    expect([await bob.client.channels(), await carol.client.channels()]).toEqual([[], []])
    expect(await carol.store.list('channels', { limit: 10 })).toEqual([])
    await own.post('two')
    await rest()
    expect(told(carol, 'channel-post').map(({ text }) => text)).toEqual(['one'])
    await own.refresh()
    expect((await own.authors()).map(({ account }) => account)).toEqual([alice.client.account])
    await own.leave()
    expect(server.groups.get(id)?.state.members.size).toBe(0)
    expect(complaints(carol)).toEqual([])
  })
})

describe('what is pushed', () => {
  it('and lost is read at the next head', async () => {
    const { server, carol, own, read } = await channelScene()
    server.lies = { channels: { push: () => [] } }
    await own.post('one')
    await own.post('two')
    await rest()
    expect(await textsOf(read)).toEqual([])
    server.channels.tellHeads()
    await rest()
    expect(await textsOf(read)).toEqual(['one', 'two'])
    expect(complaints(carol)).toEqual([])
  })

  it('and comes in another order, or twice, is shown once and in order', async () => {
    const { server, clock, carol, own, read } = await channelScene()
    const held: Uint8Array[] = []
    server.lies = { channels: { push: (post, to) => {
      if (to !== carol.client.device) return [post]
      held.push(post)
      return held.length < 4 ? [] : [...held].reverse().flatMap((one) => [one, one])
    } } }
    for (const text of ['one', 'two', 'three', 'four']) await own.post(text)
    await clock.advance(1_000)
    expect(told(carol, 'channel-post').map(({ text }) => text)).toEqual(['one', 'two', 'three', 'four'])
    expect(await textsOf(read)).toEqual(['one', 'two', 'three', 'four'])
    expect(complaints(carol)).toEqual([])
  })

  it('by nobody any more is found out: a server that is silent is asked again', async () => {
    const { server, clock, carol, own, read } = await channelScene()
    server.channels.gone(carol.client.device)
    await own.post('one')
    await clock.advance(FOLLOWER_LIMITS.silenceMs - LIMITS.channelHeadIntervalMs - 1)
    expect(await textsOf(read)).toEqual([])
    await clock.advance(2 * LIMITS.channelHeadIntervalMs + 2)
    expect(await textsOf(read)).toEqual(['one'])
  })

  it('in masses is bounded, and read from the server instead', async () => {
    const { server, clock, carol, own, read } = await channelScene()
    const pushed: Uint8Array[] = []
    server.lies = { channels: { push: (post, to) => { if (to === carol.client.device) pushed.push(post); return to === carol.client.device ? [] : [post] } } }
    for (let number = 0; number < FOLLOWER_LIMITS.pushedMax + 10; number++) await own.post(String(number))
    server.lies = {}
    for (const post of [...pushed].reverse()) carol.link.push({ type: 'posted', post })
    await clock.advance(1_000)
    expect(await textsOf(read)).toHaveLength(FOLLOWER_LIMITS.pushedMax + 10)
    expect(complaints(carol)).toEqual([])
  })
})

describe('what is older than the server keeps', () => {
  it('is a gap that is named, and what follows is shown', async () => {
    const scene = await channelScene()
    const { carol, own, read, id } = scene
    await own.post('one')
    await rest()
    carol.link.down()
    await own.post('two')
    await own.post('three')
    await monthPasses(scene, scene.alice)
    await own.post('four')
    carol.link.up()
    await rest()
    expect(told(carol, 'channel-gap')).toEqual([{ channel: id, from: 3, to: 4, reason: 'expired' }])
    expect(await read.gaps()).toEqual([{ channel: id, from: 3, to: 4, reason: 'expired' }])
    expect(await textsOf(read)).toEqual(['one', 'four'])
    expect(told(carol, 'channel-alarm')).toEqual([])
  })

  it('may be everything', async () => {
    const scene = await channelScene()
    const { carol, own, read, id } = scene
    carol.link.down()
    await own.post('one')
    await monthPasses(scene, scene.alice)
    carol.link.up()
    await rest()
    expect(told(carol, 'channel-gap')).toEqual([{ channel: id, from: 2, to: 2, reason: 'expired' }])
    await own.post('two')
    await rest()
    expect(await textsOf(read)).toEqual(['two'])
    expect(told(carol, 'channel-alarm')).toEqual([])
  })

  it('may hold an own post whose answer was lost: it is given up, and not posted again', async () => {
    const scene = await channelScene()
    const { server, alice, bob, own, written } = scene
    server.lies = { channels: { lose: () => 'after' } }
    const posting = own.post('mine')
    await rest()
    alice.link.down()
    server.lies = {}
    const failed = expect(posting).rejects.toMatchObject({ code: 'timeout' })
    await monthPasses(scene, bob)
    await written.post('theirs')
    alice.link.up()
    await rest()
    await failed
    expect(await textsOf(own)).toEqual(['theirs'])
    expect(told(alice, 'channel-gap')).toMatchObject([{ from: 2, to: 2, reason: 'expired' }])
  })

  it('is forgotten here too: the newest ten thousand posts are kept', async () => {
    const scene = await channelScene()
    const { server, alice, carol, own, read, id } = scene
    for (const text of ['one', 'two', 'three']) await own.post(text)
    await rest()
    const seq = CHANNEL_POSTS_KEPT_MAX + 3
    await monthPasses(scene)
    server.channels.force(id, await craftPost(scene, alice, { seq, prev: new Uint8Array(32).fill(7) }, 'far ahead'))
    carol.link.up()
    await rest()
    expect((await read.posts()).map((post) => post.seq)).toEqual([4, seq])
    expect((await readChannel(carol.core.core.store, id))?.state?.seq).toBe(seq)
  })
})
