import type { ClientEvents, Message } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import type { Composing } from './composing.js'
import { followMessage } from './use-composing.js'

const TALK = '0c'.repeat(16)
// Of a message, this looks at no more.
const message = (messageId: string, more: Partial<Message> = {}): Message => ({ messageId, conversation: TALK, text: messageId, ...more } as Message)
const reply: Composing = { kind: 'reply', message: message('one') }
const edit: Composing = { kind: 'edit', message: message('one') }

/** What is being written after an event. */
function after<Name extends 'message-changed' | 'message-expired'>(composing: Composing, name: Name, event: unknown): Composing {
  let now = composing
  const listeners = new Map<string, (event: never) => void>()
  followMessage({ on: (heard: keyof ClientEvents, listener: (event: never) => void) => { listeners.set(heard, listener); return () => undefined } }, TALK, (next) => { now = next(now) })
  listeners.get(name)?.(event as never)
  return now
}

describe('what is being written about a message', () => {
  it.each([['reply', reply], ['edit', edit]] as const)('ends when the message is deleted for everybody or disappears: %s', (gaveUp, composing) => {
    expect(after(composing, 'message-changed', { message: message('one', { deleted: true }) })).toEqual({ kind: 'new', gaveUp })
    expect(after(composing, 'message-expired', { conversation: TALK, messageId: 'one' })).toEqual({ kind: 'new', gaveUp })
  })

  it('stays when another message goes, or one of another conversation', () => {
    for (const composing of [reply, edit, { kind: 'new' } as const]) {
      expect(after(composing, 'message-changed', { message: message('two', { deleted: true }) })).toBe(composing)
      expect(after(composing, 'message-changed', { message: message('one', { deleted: true, conversation: '0d'.repeat(16) as Message['conversation'] }) })).toBe(composing)
      expect(after(composing, 'message-expired', { conversation: '0d'.repeat(16), messageId: 'one' })).toBe(composing)
    }
  })

  it('shows what is answered as it is now, and leaves alone what the person makes of an own message', () => {
    const edited = message('one', { text: 'said otherwise' })
    expect(after(reply, 'message-changed', { message: edited })).toEqual({ kind: 'reply', message: edited })
    expect(after(edit, 'message-changed', { message: edited })).toBe(edit)
  })
})
