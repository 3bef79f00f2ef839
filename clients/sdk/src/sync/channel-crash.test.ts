import { describe, expect, it } from 'vitest'
import { MemoryStore } from '../store/memory.js'
import type { Channel } from '../channel.js'
import { FakeServer } from './testing/fake-server.js'
import { MortalStore, type Death } from './testing/mortal-store.js'
import { openTestClient, testWallet, type TestClient } from './testing/test-client.js'
import { rest, VirtualClock } from './testing/virtual-clock.js'
import { textsOf, told } from './testing/channel-scene.js'

const TEXTS = ['one', 'two', 'three']

interface Run {
  readonly texts: readonly string[]
  /** What the follower was told of by events, over all its lives. */
  readonly shown: readonly string[]
  readonly stored: number
  readonly commits: number
  readonly died: boolean
}

/** Author or follower dies once while posts go from one to the other; the author asks again only for what it never heard of. */
async function run(who: 'author' | 'follower', death: Death | undefined): Promise<Run> {
  const clock = new VirtualClock()
  const server = new FakeServer(clock)
  const disks = { author: new MemoryStore(), follower: new MemoryStore() }
  const wallets = { author: testWallet('author'), follower: testWallet('follower') }
  const open = (name: 'author' | 'follower', death?: Death): Promise<TestClient> => openTestClient(server, new MortalStore(disks[name], death), wallets[name])
  const founder = await open('author')
  const { id, link } = await founder.client.createChannel({ name: 'News' })
  await founder.client.close()
  const reader = await open('follower')
  await reader.client.followChannel(link)
  await reader.client.close()

  const lives: TestClient[] = []
  const live = async (name: 'author' | 'follower', death?: Death): Promise<TestClient | undefined> => {
    const store = new MortalStore(disks[name], death)
    const test = await openTestClient(server, store, wallets[name]).catch(() => undefined)
    if (name === 'follower' && test !== undefined) lives.push(test)
    if (name === who && death !== undefined) mortal = store
    return test
  }
  let mortal: MortalStore | undefined
  const mine = death ?? { atCommit: Number.MAX_SAFE_INTEGER, durable: true }
  let follower = await live('follower', who === 'follower' ? mine : undefined)
  let author = await live('author', who === 'author' ? mine : undefined)
  const post = async (test: TestClient, known: ReadonlySet<string>): Promise<void> => {
    const channel = await test.client.channel(id)
    for (const text of TEXTS) if (channel !== undefined && !known.has(text)) channel.post(text).catch(() => undefined)
    await rest()
  }
  if (author !== undefined) await post(author, new Set())
  await clock.advance(1_000)
  const died = mortal?.dead === true
  const commits = mortal?.commits ?? 0
  if (follower === undefined || (who === 'follower' && died)) {
    follower?.link.down()
    follower = await live('follower')
  }
  if (author === undefined || (who === 'author' && died)) {
    author?.link.down()
    author = await live('author')
    await clock.advance(1_000)
    // A program asks again for what is neither posted nor waiting: everything else was promised to be posted.
    const there = new Set(await textsOf(await channelOf(author, id)))
    if (author !== undefined) await post(author, there)
  }
  await clock.advance(120_000)
  const texts = follower === undefined ? [] : await textsOf(await channelOf(follower, id))
  const shown = lives.flatMap((test) => told(test, 'channel-post').map(({ text }) => text))
  await follower?.client.close()
  await author?.client.close()
  return { texts, shown, stored: server.channels.postsOf(id).length, commits, died }
}

async function channelOf(test: TestClient | undefined, id: string): Promise<Channel> {
  const channel = await test?.client.channel(id)
  if (channel === undefined) throw new Error('the profile follows the channel')
  return channel
}

describe.each(['author', 'follower'] as const)('an %s of a channel that is killed at any commit', (who) => {
  it('loses no post and doubles none', async () => {
    const whole = await run(who, undefined)
    expect(whole.texts).toEqual(TEXTS)
    expect(whole.commits).toBeGreaterThanOrEqual(TEXTS.length)
    let deaths = 0
    for (let atCommit = 1; atCommit <= whole.commits; atCommit++) {
      for (const durable of [false, true]) {
        const result = await run(who, { atCommit, durable })
        if (result.died) deaths += 1
        // The name, and each text once.
        expect({ atCommit, durable, texts: [...result.texts].sort(), stored: result.stored }).toEqual({ atCommit, durable, texts: [...TEXTS].sort(), stored: TEXTS.length + 1 })
        expect(result.shown.length).toBe(new Set(result.shown).size)
      }
    }
    expect(deaths).toBeGreaterThan(TEXTS.length)
  }, 120_000)
})
