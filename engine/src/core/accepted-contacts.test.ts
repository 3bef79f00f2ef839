import { directConversationIdOf, viewEnvelope } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { sampleAccount, sampleConversation, sampleEnvelope } from '../ports/sample-envelope.contract.js'
import type { EnvelopeLog, StoredEnvelope } from '../ports/envelope-log.js'
import { acceptedContacts } from './accepted-contacts.js'

describe('acceptedContacts', () => {
  it('says yes once the owner sent something, among the first 256 copies', async () => {
    const mine = sampleEnvelope({ conversation: sampleConversation(5), number: 1 })
    const owner = viewEnvelope(mine).account
    const conversations: string[] = []
    const logOf = (before: number): EnvelopeLog => {
      const theirs = sampleEnvelope({ conversation: sampleConversation(5), number: 2 })
      // Another sender: the account stands behind the device.
      const at = Buffer.from(theirs).indexOf(Buffer.from(owner, 'hex'))
      theirs.fill(0xee, at, at + 16)
      const copies = Array.from({ length: before + 1 }, (_, index): StoredEnvelope => ({
        position: { timeMs: index + 1, incarnation: 1, counter: 0 }, envelope: index === before ? mine : theirs,
      }))
      return {
        append: () => Promise.reject(new Error('nothing is written')), appendAll: () => { throw new Error('nothing is written') }, trim: () => Promise.resolve(0),
        read: async (conversation, after, limit) => {
          conversations.push(conversation)
          return copies.filter(({ position }) => position.timeMs > after.timeMs).slice(0, limit)
        },
      }
    }
    const other = sampleAccount(77)
    const answers = await Promise.all([0, 1, 63, 64, 255].map((before) => acceptedContacts(logOf(before)).accepted(owner, other)))
    expect(answers).toEqual([true, true, true, true, true])
    expect(await acceptedContacts(logOf(256)).accepted(owner, other)).toBe(false)
    expect(await acceptedContacts(logOf(0)).accepted(other, owner)).toBe(false)
    expect(new Set(conversations)).toEqual(new Set([directConversationIdOf(owner, other)]))
  })
})
