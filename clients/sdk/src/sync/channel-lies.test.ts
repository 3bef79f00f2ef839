import { describe, expect, it } from 'vitest'
import { decodeChannelPost, encodeChannelPost, EvegramError, parseChannelLink, type ChannelPage } from '@evegram/protocol'
import { readChannelLog } from '../core/channel-row.js'
import { sealChannelBody } from '../crypto/channel-cipher.js'
import { MemoryStore } from '../store/memory.js'
import type { ChannelLies } from './testing/fake-channels.js'
import { channelScene, complaints, craftPost, monthPasses, textsOf, told, type ChannelScene } from './testing/channel-scene.js'
import { openTestClient, testWallet } from './testing/test-client.js'
import { rest } from './testing/virtual-clock.js'

const codes = ({ carol }: ChannelScene): string[] => told(carol, 'channel-alarm').map(({ code }) => code)

/** Lies about the posts that carol is shown, pushed or read. */
const about = (scene: ChannelScene, change: (posts: readonly Uint8Array[]) => readonly Uint8Array[], page: (page: ChannelPage) => ChannelPage = (one) => one): ChannelLies => ({
  push: (post, to) => (to === scene.carol.client.device ? change([post]) : [post]),
  page: (shown, to) => (to === scene.carol.client.device ? page({ ...shown, posts: change(shown.posts) }) : shown),
})

/** The server tells the truth again, and says where the channel ends. */
async function repent({ server }: ChannelScene): Promise<void> {
  server.lies = {}
  server.channels.tellHeads()
  await rest()
}

describe('a server that withholds posts', () => {
  it('is told of once, shows nothing behind them, and is forgiven when it shows them', async () => {
    const scene = await channelScene()
    const { server, carol, own, read, id } = scene
    await own.post('one')
    server.lies = { channels: about(scene, (posts) => posts.filter((post) => decodeChannelPost(post).seq !== 3)) }
    for (const text of ['two', 'three', 'four']) await own.post(text)
    for (let times = 0; times < 3; times++) {
      server.channels.tellHeads()
      await rest()
    }
    expect(await textsOf(read)).toEqual(['one'])
    expect(told(carol, 'channel-gap')).toMatchObject([{ channel: id, from: 3, reason: 'withheld' }])
    expect(await read.gaps()).toMatchObject([{ from: 3, reason: 'withheld' }])
    await repent(scene)
    expect(await textsOf(read)).toEqual(['one', 'two', 'three', 'four'])
    expect(await read.gaps()).toEqual([])
    expect(codes(scene)).toEqual([])
  })

  it('is found out when it shows nothing of what its head names', async () => {
    const scene = await channelScene()
    const { server, carol, own, read } = scene
    server.lies = { channels: about(scene, () => []) }
    await own.post('one')
    server.channels.tellHeads()
    await rest()
    expect(told(carol, 'channel-gap')).toMatchObject([{ from: 2, to: 2, reason: 'withheld' }])
    await repent(scene)
    expect(await textsOf(read)).toEqual(['one'])
  })
})

describe('a server that says that posts are older than it keeps', () => {
  it('is not believed by who is new to a young channel', async () => {
    const scene = await channelScene()
    const { server, own, id } = scene
    await own.post('one')
    server.lies = { channels: { page: (page) => ({ ...page, posts: [] }) } }
    const dave = await openTestClient(server, new MemoryStore(), testWallet('dave'))
    const read = await dave.client.followChannel(own.link)
    expect(told(dave, 'channel-gap')).toMatchObject([{ channel: id, from: 1, to: 2, reason: 'withheld' }])
    await repent(scene)
    expect(await textsOf(read)).toEqual(['one'])
    expect(await read.gaps()).toEqual([])
  })

  it('and ends the channel where nobody ended it, is believed no longer than until a post shows otherwise', async () => {
    const scene = await channelScene()
    const { server, alice, carol, own, read, id } = scene
    await own.post('one')
    await rest()
    await monthPasses(scene, alice)
    await own.post('two')
    server.lies = { channels: { page: (page, to) => (to === carol.client.device ? { ...page, seq: 40, head: new Uint8Array(32).fill(7), posts: [] } : page) } }
    carol.link.up()
    await rest()
    expect(told(carol, 'channel-gap')).toMatchObject([{ channel: id, from: 3, to: 40, reason: 'expired' }])
    await repent(scene)
    await own.post('three')
    await rest()
    expect(await textsOf(read)).toEqual(['one', 'two', 'three'])
    expect(await read.gaps()).toEqual([])
  })

  it('and shows nobody a post, lets its authors go on where it ends', async () => {
    const scene = await channelScene()
    const { server, bob, own, read, written } = scene
    await own.post('one')
    await rest()
    await monthPasses(scene, bob)
    server.channels.trim(scene.clock.now())
    await written.post('two')
    scene.carol.link.up()
    await rest()
    expect(await textsOf(read)).toEqual(['one', 'two'])
    expect(codes(scene)).toEqual([])
  })
})

describe('a server that withholds posts from a disk that is full', () => {
  it('is told of once there is room', async () => {
    const scene = await channelScene()
    const { server, own } = scene
    const store = new MemoryStore()
    const dave = await openTestClient(server, store, testWallet('dave'))
    const read = await dave.client.followChannel(own.link)
    await rest()
    server.lies = { channels: { page: (page) => ({ ...page, posts: [] }), push: () => [] } }
    await own.post('one')
    const commit = store.commit.bind(store)
    let refused = 0
    store.commit = (changes) => {
      if (refused > 0 || !changes.some(({ key }) => key.startsWith('g/'))) return commit(changes)
      refused++
      return Promise.reject(new EvegramError('client.store', { operation: 'commit' }))
    }
    for (let times = 0; times < 3; times++) {
      server.channels.tellHeads()
      await scene.clock.advance(60_000)
    }
    expect(refused).toBe(1)
    expect(told(dave, 'channel-gap')).toMatchObject([{ from: 2, to: 2, reason: 'withheld' }])
    await repent(scene)
    expect(await textsOf(read)).toEqual(['one'])
  })
})

describe('a server that shows two histories', () => {
  it('is found out by the first post that does not follow, whoever is shown it', async () => {
    const scene = await channelScene()
    const { server, alice, own, read } = scene
    // Made before anything was posted: as true as the one that everybody else gets under this number.
    const other = await craftPost(scene, alice, {}, 'another one')
    server.lies = { channels: about(scene, (posts) => posts.map((post) => (decodeChannelPost(post).seq === 2 ? other : post)), (page) => page) }
    await own.post('one')
    await own.post('two')
    await rest()
    expect(await textsOf(read)).toEqual(['another one'])
    expect(codes(scene)).toContain('channel.log_invalid')
    const { length } = codes(scene)
    for (let times = 0; times < 3; times++) {
      server.channels.tellHeads()
      await rest()
    }
    expect(codes(scene).length).toBeLessThanOrEqual(length + 1)
    expect(await textsOf(read)).toEqual(['another one'])
  })

  it('is found out by the head alone', async () => {
    const scene = await channelScene()
    const { carol, own, read, id } = scene
    await own.post('one')
    await rest()
    carol.link.push({ type: 'channel_head', head: { channel: id, seq: 2, head: new Uint8Array(32).fill(1) } })
    await rest()
    expect(codes(scene)).toEqual(['channel.log_invalid'])
    await own.post('two')
    await rest()
    expect(await textsOf(read)).toEqual(['one', 'two'])
  })

  it('is found out when it shows an older channel than before', async () => {
    const scene = await channelScene()
    const { server, carol, own } = scene
    await own.post('one')
    await rest()
    carol.link.down()
    server.lies = { channels: { page: (page) => ({ ...page, seq: 1, head: new Uint8Array(32), posts: [] }) } }
    carol.link.up()
    await rest()
    expect(codes(scene)).toEqual(['channel.log_invalid'])
    server.lies = {}
  })

  it('is not accused of a head that travelled longer than a post', async () => {
    const scene = await channelScene()
    const { carol, own, id } = scene
    await own.post('one')
    await rest()
    carol.link.push({ type: 'channel_head', head: { channel: id, seq: 1, head: new Uint8Array(32).fill(9) } })
    await rest()
    expect(complaints(carol)).toEqual([])
  })
})

describe('a post that', () => {
  const cases: readonly { readonly what: string; readonly code: string; readonly craft: (scene: ChannelScene) => Promise<Uint8Array> }[] = [
    { what: 'somebody signed who is no author', code: 'denied.not_author', craft: (scene) => craftPost(scene, scene.carol) },
    {
      what: 'names an author who did not sign it', code: 'proof.signature',
      craft: async (scene) => {
        const { author } = decodeChannelPost(await craftPost(scene, scene.alice))
        return craftPost(scene, scene.bob, { author })
      },
    },
    {
      what: 'was changed on the way', code: 'proof.signature',
      craft: async (scene) => {
        const post = decodeChannelPost(await craftPost(scene, scene.alice))
        return encodeChannelPost({ ...post, atMs: post.atMs - 1 })
      },
    },
    {
      what: 'names another membership under a number that was named before', code: 'channel.log_invalid',
      craft: (scene) => craftPost(scene, scene.alice, { members: { seq: 1, head: new Uint8Array(32).fill(4) } }),
    },
    {
      what: 'names a membership that is nowhere to be had', code: 'denied.not_author',
      craft: (scene) => craftPost(scene, scene.alice, { members: { seq: 2, head: new Uint8Array(32).fill(4) } }),
    },
    {
      what: 'names an account log that never was', code: 'account.log_rolled_back',
      craft: async (scene) => {
        const { author } = decodeChannelPost(await craftPost(scene, scene.alice))
        return craftPost(scene, scene.alice, { author: { ...author, log: { ...author.log, head: new Uint8Array(32).fill(4) } } })
      },
    },
    { what: 'is from the future', code: 'proof.not_yet_valid', craft: (scene) => craftPost(scene, scene.alice, { atMs: scene.clock.now() + 3_600_000 }) },
  ]
  it.each(cases)('$what is not shown, whatever the server takes', async ({ code, craft }) => {
    const scene = await channelScene()
    const { server, own, read, written, id } = scene
    await own.post('one')
    await rest()
    server.channels.force(id, await craft(scene))
    await rest()
    server.channels.tellHeads()
    await rest()
    expect(codes(scene)).toEqual([code])
    for (const channel of [own, read, written]) expect(await textsOf(channel)).toEqual(['one'])
  })

  it('a removed author signed over the old membership, behind the post that told of the removal, is not shown', async () => {
    const scene = await channelScene()
    const { server, alice, bob, own, read, id } = scene
    const old = decodeChannelPost(await craftPost(scene, bob)).members
    await own.removeAuthor(bob.client.address)
    await rest()
    expect((await readChannelLog(alice.core.core.store, id))?.group.state.seq).toBe(2)
    server.channels.force(id, await craftPost(scene, bob, { members: old }))
    await rest()
    expect(codes(scene)).toEqual(['channel.log_invalid'])
    expect(await textsOf(read)).toEqual([])
  })

  it('a device signed that its author revoked before, is not shown', async () => {
    const scene = await channelScene()
    const { server, alice, own, read, id } = scene
    const second = await openTestClient(server, new MemoryStore(), testWallet('alice'))
    await alice.core.core.roster.refresh(alice.client.account)
    await second.client.followChannel(own.link)
    const before = decodeChannelPost(await craftPost(scene, second)).author
    await alice.client.revokeDevice(second.client.device, testWallet('alice'))
    await own.post('one')
    await rest()
    server.channels.force(id, await craftPost(scene, second, { author: before }))
    await rest()
    expect(codes(scene)).toEqual(['account.log_rolled_back'])
    expect(await textsOf(read)).toEqual(['one'])
  })

  it('cannot be read with the key of the link is told, and those behind it are shown', async () => {
    const scene = await channelScene()
    const { server, alice, own, read, id } = scene
    const { device, random } = alice.core.core
    const body = sealChannelBody(new Uint8Array(32).fill(3), { channel: id, device }, { kind: 'text', name: 'x', text: 'x' }, random)
    server.channels.force(id, await craftPost(scene, alice, { body }))
    await rest()
    await own.post('one')
    await rest()
    expect(codes(scene)).toEqual(['invalid.channel_post'])
    expect(await textsOf(read)).toEqual(['one'])
  })

  it('does not parse is counted, and harms nobody', async () => {
    const scene = await channelScene()
    const { carol, own, read } = scene
    carol.link.push({ type: 'posted', post: new Uint8Array([1, 2, 3]) })
    await own.post('one')
    await rest()
    expect(carol.refusals()).toEqual(['invalid.cbor'])
    expect(await textsOf(read)).toEqual(['one'])
  })

  it('was pushed wrong is read again, where it is right', async () => {
    const scene = await channelScene()
    const { server, carol, own, read } = scene
    server.lies = { channels: { push: (post, to) => (to === carol.client.device ? [encodeChannelPost({ ...decodeChannelPost(post), signature: new Uint8Array(64) })] : [post]) } }
    await own.post('one')
    await rest()
    expect(await textsOf(read)).toEqual(['one'])
    expect(codes(scene).length).toBe(1)
  })
})

describe('a name', () => {
  it('is what an owner or admin calls the channel, not what any author does', async () => {
    const scene = await channelScene()
    const { server, alice, bob, own, read, id } = scene
    const named = async (by: typeof alice): Promise<Uint8Array> => {
      const { key } = parseChannelLink(own.link)
      const { device, random } = by.core.core
      return craftPost(scene, by, { body: sealChannelBody(key, { channel: id, device }, { kind: 'text', name: `named by ${by === bob ? 'bob' : 'alice'}`, text: 'x' }, random) })
    }
    server.channels.force(id, await named(bob))
    await rest()
    expect(await read.name()).toBe('Harbour news')
    server.channels.force(id, await named(alice))
    await rest()
    expect(await read.name()).toBe('named by alice')
    expect(told(scene.carol, 'channel-changed').map(({ name }) => name)).toEqual(['Harbour news', 'named by alice'])
  })
})
