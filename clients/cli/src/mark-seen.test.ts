import { directConversationIdOf, parseAccountId, parseConversationId, parseDeviceId, parseMessageId } from '@evegram/protocol'
import type { Message } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { markSeen, type SeenClient } from './mark-seen.js'

const [me, other] = [parseAccountId('01'.repeat(16)), parseAccountId('02'.repeat(16))]
const direct: Message = {
  messageId: parseMessageId('03'.repeat(16)), conversation: directConversationIdOf(me, other), from: 'x', fromAccount: other, fromDevice: parseDeviceId('04'.repeat(16)), direction: 'in', kind: 'text',
  text: 'hello', order: 1n, epoch: 1, number: 1, sentAtMs: 0, receivedAtMs: 0, state: 'received', arrival: 1,
}
const inGroup: Message = { ...direct, conversation: parseConversationId('05'.repeat(16)), messageId: parseMessageId('06'.repeat(16)) }

/** What is marked as read, and how often a conversation was looked for. */
function scene(isSeen: boolean, tells: boolean): { readonly mark: (message: Message) => Promise<void>; readonly marks: string[]; readonly looks: string[] } {
  const [marks, looks]: [string[], string[]] = [[], []]
  const opened = (name: string): Promise<unknown> => {
    looks.push(name)
    return Promise.resolve({ markRead: (upTo: string) => { marks.push(`${name} ${upTo}`); return Promise.resolve() } })
  }
  // The part of a client that it uses.
  const client = { account: me, conversation: (account: string) => opened(account), group: (id: string) => opened(id) } as unknown as SeenClient
  return { mark: markSeen(client, { isSeen }, tells), marks, looks }
}

describe('messages that a person has seen', () => {
  it('are marked as read, direct ones and those of groups, with one look for each conversation', async () => {
    const { mark, marks, looks } = scene(true, true)
    for (const message of [direct, direct, inGroup]) await mark(message)
    expect(marks).toEqual([`${other} ${direct.messageId}`, `${other} ${direct.messageId}`, `${inGroup.conversation} ${inGroup.messageId}`])
    expect(looks).toEqual([other, inGroup.conversation])
  })

  it('are not those of a pipe, own ones, those of strangers, or where it is not to be told', async () => {
    const [piped, kept, shown] = [scene(false, true), scene(true, false), scene(true, true)]
    await piped.mark(direct)
    await kept.mark(direct)
    await shown.mark({ ...direct, direction: 'out' })
    await shown.mark({ ...direct, stranger: true })
    expect([piped.marks, kept.marks, shown.marks, shown.looks]).toEqual([[], [], [], []])
  })
})
