import { channelHeadOf, decodeChannelPost, emptyHead, equalBytes, parseAccountId, parseConversationId, parseDeviceId } from '@evegram/protocol'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { EvegramChannelAuthor } from './evegram-channel.js'

/** A server that keeps posts which follow its head, and refuses those that do not; answers wait until they are asked for. */
function setup(refuses: (seq: number) => boolean = () => false) {
  const stored: number[] = []
  const [acknowledged, refused]: [number[], number[]] = [[], []]
  const waiting: (() => void)[] = []
  let [seq, head, asked]: [number, Uint8Array, number] = [0, emptyHead(), 0]
  const author = new EvegramChannelAuthor({
    channel: parseConversationId('c'.repeat(32)), members: { seq: 1, head: emptyHead() },
    actor: { account: parseAccountId('a'.repeat(32)), device: parseDeviceId('d'.repeat(32)), log: { seq: 1, head: emptyHead() } },
    sign: () => new Uint8Array(64),
    post: async (bytes) => {
      const post = decodeChannelPost(bytes)
      const isTaken = post.seq === seq + 1 && equalBytes(post.prev, head) && !refuses(post.body[0] ?? 0)
      if (isTaken) {
        stored.push(post.body[0] ?? 0)
        seq = post.seq
        head = channelHeadOf(bytes)
      }
      await new Promise<void>((resolve) => { waiting.push(resolve) })
      if (!isTaken) throw new Error('conflict.channel_head')
    },
    head: async () => {
      asked++
      return { seq, head }
    },
    events: { acknowledged: (token) => { acknowledged.push(token) }, refused: (token) => { refused.push(token) } },
  })
  return {
    stored, acknowledged, refused, waiting, asked: () => asked,
    send: (from: number, to: number) => { for (let number = from; number <= to; number++) author.send(Uint8Array.of(number), number) },
    answerAll: async () => {
      while (waiting.length > 0) {
        for (const answer of waiting.splice(0)) answer()
        await turn()
      }
    },
  }
}

const span = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('the author of a channel', () => {
  it('has as many posts without an answer as a server takes, and sends the others in their order', async () => {
    const { send, waiting, answerAll, stored, acknowledged } = setup()
    send(1, 40)
    expect(waiting).toHaveLength(16)
    await answerAll()
    expect([stored, acknowledged]).toEqual([span(1, 40), span(1, 40)])
  })

  it('goes on from where the channel ends once one was refused, and with it those that were signed upon it', async () => {
    const { send, answerAll, stored, acknowledged, refused, asked } = setup((number) => number === 4)
    send(1, 30)
    await answerAll()
    // The answers to the first three made room for three more before the refusal was heard of.
    expect(refused).toEqual(span(4, 19))
    expect(acknowledged).toEqual([...span(1, 3), ...span(20, 30)])
    expect(stored).toEqual(acknowledged)
    expect(asked()).toBe(1)
  })
})
