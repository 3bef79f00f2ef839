import { parseConversationId } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import type { Client } from '../client.js'
import type { Message } from '../core/message.js'
import { ConversationList } from './conversation-list.js'

const [ALICE, BOB] = ['a1'.repeat(16), 'b2'.repeat(16)]

/** Conversations in memory with their registers, and the events of a client. */
class Kept {
  readonly unread = new Map<string, number>()
  readonly drafts = new Map<string, string>()
  readonly pinned = new Set<string>()
  readonly names = new Map<string, string>()
  readonly said: string[] = []
  waiting: readonly string[] = []
  inFlight = 0
  inFlightMost = 0
  readonly #listeners = new Map<string, ((event: never) => void)[]>()
  readonly ids: readonly string[]
  /** Stops reads of counts until it is called. */
  hold: Promise<void> | undefined

  constructor(...ids: string[]) {
    this.ids = ids
  }

  tell(name: string, event: unknown): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(event as never)
  }

  message(conversation: string, order: number, direction: 'in' | 'out' = 'in', sentAtMs = order): Message {
    this.unread.set(conversation, (this.unread.get(conversation) ?? 0) + (direction === 'in' ? 1 : 0))
    // Only what the list looks at.
    const message = { messageId: `${conversation}${String(order)}`, conversation, order: BigInt(order), sentAtMs, receivedAtMs: order, direction, text: 'x' } as unknown as Message
    this.tell('message', message)
    return message
  }

  #conversation(id: string): object {
    return {
      id, peer: { account: id === 'c2'.repeat(16) ? BOB : ALICE, address: `address of ${id.slice(0, 2)}` },
      history: async () => [],
      unread: async () => {
        this.inFlight += 1
        this.inFlightMost = Math.max(this.inFlightMost, this.inFlight)
        const count = this.unread.get(id) ?? 0
        await this.hold
        await Promise.resolve()
        this.inFlight -= 1
        return count
      },
      draft: async () => this.drafts.get(id) ?? '',
      flags: async () => ({ muted: false, pinned: this.pinned.has(id), archived: false }),
      markRead: async () => {
        this.said.push(`read ${id.slice(0, 2)}`)
        this.unread.set(id, 0)
        this.tell('state-changed', { keys: [`read/${id}`] })
      },
    }
  }

  readonly client = {
    account: ALICE,
    on: (name: string, listener: (event: never) => void) => {
      this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener])
      return () => undefined
    },
    requests: async () => this.waiting.map((conversation) => ({ conversation })),
    conversations: async () => this.ids.filter((id) => !id.startsWith('9')).map((id) => this.#conversation(id)),
    groups: async () => this.ids.filter((id) => id.startsWith('9')).map((id) => ({ ...this.#conversation(id), name: async () => 'group' })),
    channels: async () => [],
    contacts: { list: async () => [...this.names].map(([account, name]) => ({ account, name })) },
  } as unknown as Client
}

const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0) })
const [ONE, TWO, GROUP] = ['c1'.repeat(16), 'c2'.repeat(16), '91'.repeat(16)]

describe('the list of conversations', () => {
  const shown = (list: ConversationList): string[] => list.getSnapshot().conversations.map(({ id, name, unread, draft, flags }) => `${id.slice(0, 2)} ${name ?? '-'} ${String(unread)} ${draft}${flags.pinned ? ' pinned' : ''}`)

  it('shows what the account keeps about each, and what another device changes of it', async () => {
    const kept = new Kept(ONE, TWO)
    kept.unread.set(ONE, 3)
    kept.drafts.set(TWO, 'half a sen')
    kept.names.set(ALICE, 'Al')
    const list = new ConversationList(kept.client)
    await settle()
    expect(shown(list)).toEqual(['c1 Al 3 ', 'c2 - 0 half a sen'])
    kept.unread.set(ONE, 0)
    kept.pinned.add(TWO)
    kept.drafts.delete(TWO)
    kept.names.set(BOB, 'Bo')
    kept.tell('state-changed', { keys: [`read/${ONE}`, `conversation.pinned/${TWO}`, `contact.name/${BOB}`] })
    await settle()
    expect(shown(list)).toEqual(['c2 Bo 0  pinned', 'c1 Al 0 '])
  })

  it('marks as read what is looked at, and what comes while it is; nothing else', async () => {
    const kept = new Kept(ONE, TWO)
    kept.unread.set(ONE, 2)
    const list = new ConversationList(kept.client)
    await settle()
    const stop = list.watch(parseConversationId(ONE))
    kept.message(ONE, 5)
    kept.message(TWO, 6)
    await settle()
    expect(shown(list)).toEqual(['c2 - 1 ', 'c1 - 0 '])
    stop()
    kept.message(ONE, 7)
    await settle()
    expect(shown(list)).toEqual(['c1 - 1 ', 'c2 - 1 '])
    expect(kept.said).toEqual(['read c1', 'read c1'])
  })

  it('keeps nobody on top whose clock is ahead', async () => {
    const kept = new Kept(ONE, TWO)
    const list = new ConversationList(kept.client)
    await settle()
    kept.message(ONE, 5, 'in', 2 ** 48 - 1)
    kept.message(TWO, 6)
    expect(list.getSnapshot().conversations.map(({ id, atMs }) => [id, atMs])).toEqual([[TWO, 6], [ONE, 5]])
  })

  it('counts a message that came while the count was read', async () => {
    const kept = new Kept(ONE)
    const list = new ConversationList(kept.client)
    await settle()
    let go: () => void = () => undefined
    kept.hold = new Promise((resolve) => { go = resolve })
    kept.tell('state-changed', { keys: [`read/${ONE}`] })
    kept.message(ONE, 1)
    kept.hold = undefined
    go()
    await settle()
    expect(shown(list)).toEqual(['c1 - 1 '])
  })

  it('leaves out groups that wait as requests until they are accepted', async () => {
    const kept = new Kept(ONE, GROUP)
    kept.waiting = [GROUP]
    const list = new ConversationList(kept.client)
    await settle()
    expect(shown(list)).toHaveLength(1)
    kept.waiting = []
    kept.tell('request-changed', { conversation: GROUP, status: 'accepted' })
    await settle()
    expect(shown(list)).toHaveLength(2)
  })

  it('reads a bounded number at a time', async () => {
    const kept = new Kept(...Array.from({ length: 300 }, (_, at) => `c${at.toString(16).padStart(31, '0')}`))
    const list = new ConversationList(kept.client)
    await settle()
    expect(list.getSnapshot().conversations).toHaveLength(300)
    expect(kept.inFlightMost).toBeLessThanOrEqual(32)
  })
})
