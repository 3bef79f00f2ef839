import { randomBytes } from 'node:crypto'
import { silentLogger, systemClock, type Bus } from '@evegram/platform'
import { connectNats } from '@evegram/platform/nats'
import { serviceAddresses } from '@evegram/platform/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { follow, foundChannel, postNext } from './channel.fixture.js'
import { alice, bob, cluster, restart, SPAN, useScene } from './scene.fixture.js'

describe('a channel over NATS', () => {
  useScene()
  const buses: Bus[] = []
  afterEach(async () => {
    for (const bus of buses.splice(0)) await bus.close()
  })

  /** Real time passes for the broker, and none for the nodes. */
  const until = async (what: string, reached: () => boolean): Promise<void> => {
    for (const deadline = performance.now() + 5_000; !reached();) {
      if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`)
      await new Promise((resolve) => { setTimeout(resolve, 5) })
      await alice.read()
      await bob.read()
    }
  }

  it('brings every post to a follower on another node once, in order, and to one on the node of the author', async () => {
    const prefix = `test_${randomBytes(6).toString('hex')}`
    await restart({
      broker: async () => {
        const bus = await connectNats({ servers: serviceAddresses('nats'), name: 'test', log: silentLogger, clock: systemClock(), prefix })
        buses.push(bus)
        return bus
      },
    })
    const channel = await foundChannel()
    for (const client of [alice, bob]) {
      const pages = client.channelPages.length
      void follow(client, channel)
      await until('the page', () => client.channelPages.length > pages)
    }
    for (const seq of SPAN(1, 20)) {
      const heads = alice.heads.length
      void postNext(alice, channel)
      await until('the answer', () => alice.heads.length > heads)
      expect(alice.heads.at(-1)?.seq).toBe(seq)
    }
    await until('the last post', () => bob.posted.at(-1) === 20 && alice.posted.at(-1) === 20)
    expect([alice.posted, bob.posted]).toEqual([SPAN(1, 20), SPAN(1, 20)])
    expect(cluster.nodes.map(({ metrics }) => metrics.followedChannels.value)).toEqual([1, 1, 0])
  })
})
