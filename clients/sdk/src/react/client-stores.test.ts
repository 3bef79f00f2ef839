import { parseAccountId, parseConversationId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import type { Client } from '../client.js'
import type { ClientEvents } from '../events.js'
import { ClientStores } from './client-stores.js'

const BOB = parseAccountId('0b'.repeat(16))
const TALK = parseConversationId('0c'.repeat(16))

describe('stores that are there while they are watched', () => {
  const client = {
    account: BOB, state: 'live', on: () => () => undefined, uploads: async () => Promise.resolve([]), conversations: async () => Promise.resolve([]), groups: async () => Promise.resolve([]),
    presence: { of: async () => Promise.resolve({ account: BOB, status: 'unknown' }) },
  } as unknown as Client // of a client, these stores use no more than this

  it.each([
    ['presence', (stores: ClientStores) => stores.presence(BOB)],
    ['typing', (stores: ClientStores) => stores.typing(TALK)],
  ])('are found again when one component leaves and the next one comes: %s', (_name, find) => {
    const stores = new ClientStores(client)
    const store = find(stores)
    const leave = store.subscribe(() => undefined)
    leave()
    // The next component had found it before the one before was gone.
    const leaveAgain = store.subscribe(() => undefined)
    expect(find(stores)).toBe(store)
    leaveAgain()
    expect(find(stores)).not.toBe(store)
  })
})

describe('what waits from strangers', () => {
  it.each<keyof ClientEvents>(['message-request', 'request-changed', 'history-imported', 'group-changed', 'group-named'])('is read again at %s', async (name) => {
    const told = new Map<keyof ClientEvents, () => void>()
    let waiting = 0
    const client = {
      account: BOB, state: 'live', uploads: async () => Promise.resolve([]), conversations: async () => Promise.resolve([]), groups: async () => Promise.resolve([]),
      requests: async () => Promise.resolve(Array.from({ length: waiting })),
      // The last listener of each event is the one of requests: nothing else is watched.
      on: (event: keyof ClientEvents, listener: () => void) => { told.set(event, listener); return () => undefined },
    } as unknown as Client // as above
    const { requests } = new ClientStores(client)
    told.clear()
    requests.subscribe(() => undefined)
    await requests.refresh()
    waiting = 1
    told.get(name)?.()
    await expect.poll(() => requests.getSnapshot()).toMatchObject({ status: 'ready', value: { length: 1 } })
  })
})
