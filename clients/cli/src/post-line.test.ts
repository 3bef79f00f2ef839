import { parseAccountId, parseConversationId } from '@evegram/protocol'
import type { ChannelPostShown } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { Output } from './output.js'
import { postObject, postText } from './post-line.js'

const id = '0123456789abcdef0123456789abcdef'
const post: ChannelPostShown = {
  channel: parseConversationId(id), seq: 12, by: parseAccountId(id), from: 'terra1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqlastsix',
  atMs: Date.UTC(2026, 10, 21, 12, 0, 0), kind: 'text', text: 'hello',
}
const people = new Output(false, { NO_COLOR: '1' })

describe('a post on a line', () => {
  it('has exactly the documented fields for machines', () => {
    expect(postObject(post, 'news')).toEqual({ channel: id, seq: 12, from: post.from, text: 'hello', sentAt: '2026-11-21T12:00:00.000Z', name: 'news' })
  })

  it('tells a person who, when, under which number, and where it could be anywhere', () => {
    expect(postText(post, { own: false }, people, post.atMs)).toMatch(/^\d\d:\d\d #12 terra1…astsix {2}hello$/)
    expect(postText(post, { own: true, name: 'news' }, people, post.atMs)).toMatch(/^\d\d:\d\d news #12 you {2}hello$/)
    expect(postText({ ...post, kind: 'unknown', text: '' }, { own: false }, people, post.atMs)).toContain('update evegram')
  })

  it('cannot pass for two posts or write over the screen, neither by its text nor by the name of its channel', () => {
    const forged = postText({ ...post, text: 'hi\n12:00 #13 you  gone\u001b[2J' }, { own: false, name: 'news\n12:00\u001b[2J' }, people, post.atMs)
    expect(forged.split('\n')).toHaveLength(2)
    expect(forged).toContain('\n      12:00 #13')
    expect(forged).not.toContain('\u001b')
  })
})
