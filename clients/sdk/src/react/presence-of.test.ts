import { parseAccountId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { EventHub } from '../events.js'
import type { Presence } from '../core/contact-presence.js'
import { VirtualClock } from '../sync/testing/virtual-clock.js'
import { presenceOf } from './presence-of.js'

const BOB = parseAccountId('0b'.repeat(16))
const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0) })

/** A client of which a test decides what is known of Bob. */
function world(): { readonly hub: EventHub; readonly asked: string[]; known: Presence; readonly client: Parameters<typeof presenceOf>[0] } {
  const hub = new EventHub(new VirtualClock())
  const on: EventHub['on'] = (name, listener) => hub.on(name, listener)
  const made = {
    hub, asked: [] as string[], known: { account: BOB, status: 'unknown' } as Presence, // a test changes it
    client: {
      on,
      presence: { of: async (whom: string): Promise<Presence> => { made.asked.push(whom); return Promise.resolve(made.known) } },
    },
  }
  return made
}

describe('the presence of a contact, as it is shown', () => {
  it('is asked for once more when people accept each other, or tell it again, and at nothing else', async () => {
    const made = world()
    const presence = presenceOf(made.client, BOB, () => undefined)
    const leave = presence.subscribe(() => undefined)
    await settle()
    expect([presence.getSnapshot()?.status, made.asked.length]).toEqual(['unknown', 1])
    made.known = { account: BOB, status: 'online', lastSeenAtMs: 1 }
    made.hub.emit('state-changed', { keys: [`contact.name/${BOB}`, 'setting/receipts.read'] })
    await settle()
    expect([presence.getSnapshot()?.status, made.asked.length]).toEqual(['unknown', 1])
    made.hub.emit('state-changed', { keys: [`contact.relation/${BOB}`] })
    await settle()
    expect([presence.getSnapshot()?.status, made.asked.length]).toEqual(['online', 2])
    made.hub.emit('state-changed', { keys: ['setting/presence.tell'] })
    await settle()
    expect(made.asked.length).toBe(3)
    leave()
    made.hub.emit('state-changed', { keys: [`contact.relation/${BOB}`] })
    await settle()
    expect(made.asked.length).toBe(3)
  })

  it('is what was said of this account before the answer came, and of no other', async () => {
    const made = world()
    const presence = presenceOf(made.client, 'an address', () => undefined)
    presence.subscribe(() => undefined)
    made.hub.emit('presence-changed', { account: parseAccountId('0c'.repeat(16)), status: 'away', lastSeenAtMs: 5 })
    made.hub.emit('presence-changed', { account: BOB, status: 'online', lastSeenAtMs: 7 })
    await settle()
    expect(presence.getSnapshot()).toEqual({ account: BOB, status: 'online', lastSeenAtMs: 7 })
  })
})
