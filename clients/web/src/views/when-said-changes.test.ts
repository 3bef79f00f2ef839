import type { ClientEvents } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { whenSaidChanges } from './when-said-changes.js'

const TALK = '0c'.repeat(16)
const OTHER = '0d'.repeat(16)

describe('what a stranger said', () => {
  it.each<[keyof ClientEvents, (conversation: string) => unknown]>([
    ['message-request', (conversation) => ({ conversation })], ['request-changed', (conversation) => ({ conversation, status: 'declined' })],
    ['message-changed', (conversation) => ({ message: { conversation } })], ['message-expired', (conversation) => ({ conversation })], ['history-imported', () => ({})],
  ])('is read again at %s, where it is about this conversation, until it is shown no more', (name, event) => {
    const listeners = new Map<string, (event: never) => void>()
    let times = 0
    const stop = whenSaidChanges({ on: (heard: keyof ClientEvents, listener: (event: never) => void) => { listeners.set(heard, listener); return () => { listeners.delete(heard) } } }, TALK, () => { times += 1 })
    listeners.get(name)?.(event(TALK) as never)
    expect(times).toBe(1)
    listeners.get(name)?.(event(OTHER) as never)
    expect(times).toBe(name === 'history-imported' ? 2 : 1)
    stop()
    expect(listeners.size).toBe(0)
  })
})
