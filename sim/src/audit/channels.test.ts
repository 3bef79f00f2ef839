import { decodeChannelPost, encodeChannelHead, encodeChannelPage, encodeChannelPost, encodeReadChannel, FRAME_TYPE, LIMITS, type ChannelPost } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { CHANNEL, ChannelScene } from './testing/channel-scene.js'
import { A1, ALICE, B1, C1, GHOST, headOf } from './testing/scene.js'

const HEAD = new Uint8Array(32)

/** A post from the frame to the ack; `leave` names a step that does not happen. */
function acknowledged(scene: ChannelScene, leave?: 'store' | 'publish' | 'flush'): void {
  const bytes = scene.write()
  scene.channels.received(scene.node, 1, FRAME_TYPE.post, 7, bytes)
  if (leave !== 'store') scene.channels.stored(bytes)
  if (leave !== 'publish' && leave !== 'store') scene.channels.published(scene.node, bytes, 5)
  if (leave === undefined) scene.channels.flushed(scene.node, 5)
  scene.channels.sent(scene.node, 1, FRAME_TYPE.channelHead, 7, encodeChannelHead({ channel: CHANNEL, seq: 1, head: HEAD }))
}

/** A follower of the node is answered with a page that ends at `seq`. */
function followed(scene: ChannelScene, seq: number, reads: () => void = () => undefined): void {
  scene.channels.received(scene.node, 1, FRAME_TYPE.follow, 9, encodeReadChannel({ channel: CHANNEL, after: 0 }))
  reads()
  scene.channels.sent(scene.node, 1, FRAME_TYPE.channelPage, 9, encodeChannelPage({ channel: CHANNEL, seq, head: HEAD, posts: [] }))
}

describe('channels in the store', () => {
  it('are as they must be when authors post one after the other', () => {
    const scene = new ChannelScene()
    scene.post(A1)
    scene.channels.stored(scene.post(B1))
    expect(scene.broken).toBeUndefined()
    expect(scene.chains.length(CHANNEL)).toBe(2)
  })

  const cases: readonly [string, string, Partial<ChannelPost>][] = [
    ['P3', 'leave out a number', { seq: 3 }],
    ['P3', 'do not follow the post before', { prev: headOf(9) }],
    ['P7', 'are by a device that nobody made', { author: { account: ALICE, device: GHOST, log: { seq: 1, head: headOf(1) } } }],
    ['P7', 'name a head of the authors that is not stored', { members: { seq: 1, head: headOf(2) } }],
    ['P7', 'name authors that are not stored', { members: { seq: 5, head: headOf(5) } }],
  ]
  it.each(cases)('break %s when posts %s', (promise, _what, change) => {
    const scene = new ChannelScene()
    scene.post()
    expect(scene.broken).toBeUndefined()
    scene.post(A1, change)
    expect(scene.broken).toBe(promise)
  })

  it('break P7 when somebody posts who is no author', () => {
    const scene = new ChannelScene()
    scene.post(C1)
    expect(scene.broken).toBe('P7')
  })

  it('break P7 when a post names older authors than the one before', () => {
    const scene = new ChannelScene()
    scene.members(2, [ALICE])
    scene.post(A1, { members: { seq: 2, head: headOf(2) } })
    expect(scene.broken).toBeUndefined()
    scene.post(B1)
    expect(scene.broken).toBe('P7')
  })

  it('break P7 when a post is stored that its author never wrote', () => {
    const scene = new ChannelScene()
    const post = decodeChannelPost(scene.write(A1))
    scene.channels.stored(encodeChannelPost({ ...post, body: headOf(3) }))
    expect(scene.broken).toBe('P7')
    const stolen = new ChannelScene()
    const { body } = decodeChannelPost(stolen.write(B1))
    stolen.channels.stored(encodeChannelPost({ ...post, body }))
    expect(stolen.broken, 'what another device wrote').toBe('P7')
  })

  it('break P2 when a text is stored a second time', () => {
    const scene = new ChannelScene()
    scene.post(A1, {}, 'once')
    expect(scene.broken).toBeUndefined()
    scene.post(A1, {}, 'once')
    expect(scene.broken).toBe('P2')
  })

  it('break P2 when a post without a text is stored a second time, under another number', () => {
    const scene = new ChannelScene()
    const body = new Uint8Array(40).fill(9)
    scene.post(A1, { body }, undefined, 'authors')
    expect(scene.broken).toBeUndefined()
    scene.post(A1, { body }, undefined, 'authors')
    expect(scene.broken).toBe('P2')
  })
})

describe('channels on nodes', () => {
  it('acknowledge what is stored, published and flushed', () => {
    const scene = new ChannelScene()
    acknowledged(scene)
    expect(scene.broken).toBeUndefined()
    expect(scene.run.coverage.of('audit/post acknowledged')).toBe(1)
  })

  it.each([['P1', 'store'], ['P10', 'publish'], ['P10', 'flush']] as const)('break %s when they acknowledge without %s', (promise, leave) => {
    const scene = new ChannelScene()
    acknowledged(scene, leave)
    expect(scene.broken).toBe(promise)
  })

  it('break P1 when they publish what is not stored', () => {
    const scene = new ChannelScene()
    scene.channels.published(scene.node, scene.write(), 1)
    expect(scene.broken).toBe('P1')
  })

  it('break P10 when they listen to a channel only after they read its first page', () => {
    const good = new ChannelScene()
    good.post()
    followed(good, 1, () => {
      good.channels.listens(good.node, CHANNEL, true)
      good.post()
    })
    expect(good.broken).toBeUndefined()
    const late = new ChannelScene()
    late.post()
    followed(late, 1, () => {
      late.post()
      late.channels.listens(late.node, CHANNEL, true)
    })
    expect(late.broken).toBe('P10')
    const again = new ChannelScene()
    again.channels.listens(again.node, CHANNEL, true)
    again.channels.listens(again.node, CHANNEL, false)
    followed(again, 0, () => { again.post() })
    expect(again.broken, 'whoever stopped listening').toBe('P10')
  })

  it('break P10 when they tell a follower no head', async () => {
    const told = new ChannelScene()
    followed(told, 0)
    told.channels.faultsEnded()
    for (let times = 0; times < 3; times++) {
      await told.go(LIMITS.channelHeadIntervalMs)
      told.channels.sent(told.node, 1, FRAME_TYPE.channelHead, 0, encodeChannelHead({ channel: CHANNEL, seq: 0, head: HEAD }))
    }
    told.channels.finish()
    expect(told.broken).toBeUndefined()
    const silent = new ChannelScene()
    followed(silent, 0)
    silent.channels.faultsEnded()
    await silent.go(3 * LIMITS.channelHeadIntervalMs)
    silent.channels.finish()
    expect(silent.broken).toBe('P10')
  })
})
