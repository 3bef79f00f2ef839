import { connectEventStream } from '@evegram/platform/nats'
import { silentLogger, systemClock, type BusinessEvent, type EventStream } from '@evegram/platform'
import { freshEventPrefix, manageJetStream, removeEventStreams, serviceAddresses, TcpProxy } from '@evegram/platform/testing'
import { isEvegramError } from '@evegram/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openingOf } from './account.js'
import { amountOf } from './amount.js'
import { decodeLedgerEvent } from './event.js'
import { assetIdOf, parsePurpose, payoutTransferId } from './ids.js'
import type { LedgerSubject } from './ledger-store.contract.js'
import type { LedgerStore } from './ledger-store.js'
import { freshLedger, postgresServer, type LedgerServer } from './postgres/fresh-ledger.fixture.js'
import { LedgerRelay } from './relay.js'

const asset = assetIdOf('solana', 'sol')
const [hot, alice] = [openingOf('hot', 'main', asset), openingOf('user', 'alice', asset)]
/** More than a relay tells in one step. */
const TRANSFERS = 300
const EVENTS = TRANSFERS + 2
const inOrder = Array.from({ length: EVENTS }, (_, index) => index + 1)
const unavailable: unknown = expect.toSatisfy((error) => isEvegramError(error, 'unavailable.bus'))

describe('a relay of the ledger in PostgreSQL over JetStream', () => {
  let server: LedgerServer
  let subject: LedgerSubject
  let store: LedgerStore
  let prefix: string
  const toClose: (() => Promise<void>)[] = []
  beforeAll(async () => { server = await postgresServer() }, 120_000)
  afterAll(async () => { await server.close() }, 60_000)
  beforeEach(async () => {
    prefix = freshEventPrefix()
    subject = await freshLedger(server)
    store = await subject.open()
    await store.openAccounts([hot, alice])
    await store.submit({
      linked: true,
      transfers: Array.from({ length: TRANSFERS }, (_, index) => ({
        kind: 'transfer', id: payoutTransferId(String(index)), debit: hot.id, credit: alice.id, amount: amountOf(1n), purpose: parsePurpose('test'),
      })),
    })
  })
  afterEach(async () => {
    for (const close of toClose.splice(0)) await close()
    await removeEventStreams(prefix)
    await store.close()
    await subject.close()
  })

  const connect = async (servers: readonly string[] = serviceAddresses('nats')): Promise<EventStream> => {
    const stream = await connectEventStream({ servers, name: 'test', log: silentLogger, clock: systemClock(), prefix })
    toClose.push(() => stream.close())
    return stream
  }
  const relayOf = (stream: EventStream): LedgerRelay => new LedgerRelay({ store, stream, clock: systemClock(), log: silentLogger })
  /** Tells all that is left, as a process does that was started again. */
  async function tellAll(stream: EventStream): Promise<void> {
    const relay = relayOf(stream)
    while (await relay.step() > 0) continue
  }
  /** The numbers of the events that a service hears, in its order. */
  async function listen(): Promise<readonly number[]> {
    const heard: number[] = []
    await (await connect()).consume('reader', async ({ bytes }) => { heard.push(decodeLedgerEvent(bytes).number) })
    return heard
  }
  const isStored = async (): Promise<number> => (await manageJetStream((manager) => manager.streams.info(`${prefix}_events`))).state.messages

  it('tells every change in order, and once, however often it is killed between two events', async () => {
    const heard = await listen()
    const answers: string[] = []
    const deaths: Promise<unknown>[] = []
    for (const dieAt of [10, 270, 0, 20]) {
      const proxy = await TcpProxy.to(serviceAddresses('nats')[0] ?? '')
      toClose.push(() => proxy.close())
      const stream = await connect([`nats://${proxy.place}`])
      await new Promise<void>((resolve) => {
        // What was published before is stored, and the cursor of the ledger does not know of it: as when the process is gone.
        const dying = counting(stream, answers, (published) => {
          if (published !== dieAt) return
          proxy.refuse()
          resolve()
        })
        deaths.push(expect(tellAll(dying)).rejects.toThrow(unavailable))
      })
    }
    await tellAll(counting(await connect(), answers))
    await vi.waitFor(() => { expect(heard).toHaveLength(EVENTS) }, 20_000)
    expect(heard).toEqual(inOrder)
    expect(await isStored()).toBe(EVENTS)
    // It was told again what it may have been told before, and the broker knew it by its id.
    expect(answers.filter((answer) => answer === 'duplicate').length).toBeGreaterThan(10)
    expect(await store.cursor('relay')).toBe(EVENTS)
    await Promise.all(deaths)
  }, 60_000)

  it('tells in order, and once, when two processes do it at the same time', async () => {
    const heard = await listen()
    const streams = [await connect(), await connect()]
    await Promise.all(streams.map(tellAll))
    await vi.waitFor(() => { expect(heard).toHaveLength(EVENTS) }, 20_000)
    expect(heard).toEqual(inOrder)
    expect(await isStored()).toBe(EVENTS)
  }, 60_000)
})

/** A stream that notes the answers of the broker, and calls `before` with the number of those before each event. */
function counting(stream: EventStream, answers: string[], before: (published: number) => void = () => undefined): EventStream {
  let published = 0
  return {
    publish: async (event: BusinessEvent) => {
      before(published)
      const answer = await stream.publish(event)
      published++
      answers.push(answer.status)
      return answer
    },
    consume: (...args) => stream.consume(...args), deadLetters: (...args) => stream.deadLetters(...args), close: () => stream.close(),
  }
}
