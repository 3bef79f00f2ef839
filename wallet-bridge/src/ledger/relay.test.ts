import { ManualClock, MemoryEventBroker, silentLogger, systemClock, type BusinessEvent, type EventStream } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { describe, expect, it, vi } from 'vitest'
import { openingOf } from './account.js'
import { amountOf } from './amount.js'
import { decodeLedgerEvent } from './event.js'
import { assetIdOf, parsePurpose, payoutTransferId } from './ids.js'
import type { LedgerStore } from './ledger-store.js'
import { MemoryLedger } from './memory/ledger-store.js'
import { LedgerRelay } from './relay.js'

const asset = assetIdOf('solana', 'sol')
const [hot, alice] = [openingOf('hot', 'main', asset), openingOf('user', 'alice', asset)]

async function filled(transfers: number): Promise<{ readonly ledger: MemoryLedger; readonly store: LedgerStore }> {
  const ledger = new MemoryLedger({ clock: new ManualClock(), ledger: 'ab'.repeat(16) })
  const store = ledger.connect()
  await store.openAccounts([hot, alice])
  for (let index = 0; index < transfers; index++) {
    await store.submit({ linked: false, transfers: [{
      kind: 'transfer', id: payoutTransferId(String(index)), debit: hot.id, credit: alice.id, amount: amountOf(1n), purpose: parsePurpose('test'),
    }] })
  }
  return { ledger, store }
}

/** A stream that keeps what was published, and fails when it is told to. */
class FailingStream implements Pick<EventStream, 'publish'> {
  readonly heard: BusinessEvent[] = []
  failAt = -1

  async publish(event: BusinessEvent): Promise<{ readonly status: 'stored' }> {
    if (this.heard.length === this.failAt) {
      this.failAt = -1
      throw new EvegramError('unavailable.bus')
    }
    this.heard.push(event)
    return { status: 'stored' }
  }
}

const relayOf = (store: LedgerStore, stream: FailingStream | EventStream): LedgerRelay =>
  // The relay only publishes.
  new LedgerRelay({ store, stream: stream as EventStream, clock: systemClock(), log: silentLogger })

describe('LedgerRelay', () => {
  it('tells every change in order, on the subject of its kind, under an id of its own', async () => {
    const { ledger, store } = await filled(300)
    const stream = new MemoryEventBroker({ clock: systemClock(), log: silentLogger }).connect()
    const heard: { readonly id: string; readonly subject: string; readonly bytes: Uint8Array }[] = []
    await stream.consume('reader', async (event) => { heard.push(event) })
    const relay = relayOf(store, stream)
    relay.start()
    await vi.waitFor(() => { expect(heard).toHaveLength(302) }, 10_000)
    await relay.stop()
    await stream.close()
    expect(heard.map(({ id }) => id)).toEqual(Array.from({ length: 302 }, (_, index) => `ledger:${'ab'.repeat(16)}:${String(index + 1)}`))
    expect([heard[0]?.subject, heard[301]?.subject]).toEqual(['ledger.account_opened', 'ledger.transfer'])
    expect(heard.map(({ bytes }) => decodeLedgerEvent(bytes).number)).toEqual(ledger.events.map(({ number }) => number))
    expect(await store.cursor('relay')).toBe(302)
  })

  it('tells again what it cannot know to be told, and leaves nothing out, when the stream fails or the process dies', async () => {
    const { store } = await filled(10)
    const stream = new FailingStream()
    stream.failAt = 7
    await expect(relayOf(store, stream).step()).rejects.toMatchObject({ code: 'unavailable.bus' })
    expect(await store.cursor('relay')).toBe(0)
    // Another process goes on.
    expect(await relayOf(store, stream).step()).toBe(12)
    expect(stream.heard.map(({ id }) => Number(id.split(':')[2]))).toEqual([1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(await relayOf(store, stream).step()).toBe(0)
  })

  it('goes on by itself after a failure', async () => {
    const { store } = await filled(3)
    const stream = new FailingStream()
    stream.failAt = 2
    const relay = relayOf(store, stream)
    relay.start()
    await vi.waitFor(() => { expect(stream.heard).toHaveLength(7) }, 10_000)
    await relay.stop()
    expect(await store.cursor('relay')).toBe(5)
  })

  it('never puts a cursor back that another relay moved on', async () => {
    const { store } = await filled(3)
    const stream = new FailingStream()
    const slow = relayOf({ ...bound(store), events: async (after, limit) => {
      const events = await store.events(after, limit)
      await relayOf(store, stream).step()
      return events.slice(0, 2)
    } }, stream)
    await slow.step()
    expect(await store.cursor('relay')).toBe(5)
  })
})

/** The methods that a relay calls. */
function bound(store: LedgerStore): LedgerStore {
  // Nothing else of it is used here.
  return { cursor: (name) => store.cursor(name), moveCursor: (name, from, to) => store.moveCursor(name, from, to) } as LedgerStore
}
