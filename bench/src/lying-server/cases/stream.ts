import { decodeDelivery, decodePage, encodeAcks, encodePage, encodeSynced, ENVELOPE_OFFSETS, FRAME_TYPE, type Delivery, type Frame } from '@evegram/protocol'
import { attempt } from '../../attempt.js'
import { honestly, type LyingCase } from '../case.js'
import { copyOf } from '../proxy.js'
import { deliverFrame, hiding, isMessageOf, onDeliveries } from '../tamper.js'
import { isFor, shows, sleep, timesShown, toldOf, until, type Person, type World } from '../world.js'

const YEAR_MS = 365 * 86_400_000

/** Sends texts one after the other, each acknowledged before the next. */
async function sendAll(world: World, from: Person, to: Person, count: number): Promise<string[]> {
  const texts: string[] = []
  for (let index = 1; index <= count; index++) texts.push(await world.send(from, to, `number ${String(index)}`))
  return texts
}

/** The given texts in the order in which a person's history shows them. */
async function historyOf(person: Person, other: Person, texts: readonly string[]): Promise<string> {
  const shown = await (await person.client.conversation(other.client.account)).history(1_000)
  const order = shown.flatMap(({ text }) => (texts.includes(text) ? [texts.indexOf(text) + 1] : []))
  return order.join(' ')
}

/** Lies about what was sent, and when. */
export const STREAM_CASES: readonly LyingCase[] = [
  {
    name: 'deliveries-replayed', claim: 'every delivery twice at once, again later, and again after a reconnect',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob')]
      await world.honest(alice, bob)
      const caught: Frame[] = []
      world.proxy.lie = onDeliveries(alice, bob, (delivery, frame) => {
        caught.push(frame)
        return [frame, deliverFrame({ ...delivery, position: { ...delivery.position, counter: delivery.position.counter + 1 } }), frame]
      })
      const texts = await sendAll(world, alice, bob, 3)
      for (const text of texts) await shows(bob, text)
      for (const frame of caught) world.proxy.inject(bob.client.device, frame)
      world.proxy.drop(bob.client.device)
      await until(() => (bob.client.state === 'live' && world.proxy.linkOf(bob.client.device) !== undefined ? true : undefined), 'Bob to come back')
      for (const frame of caught) world.proxy.inject(bob.client.device, frame)
      await sleep(500)
      return [
        await attempt('each text', '1 1 1 times', () => Promise.resolve(`${texts.map((text) => String(timesShown(bob, text))).join(' ')} times`)),
        await attempt('the history', '1 2 3', () => historyOf(bob, alice, texts)),
        await honestly(world, alice, bob),
      ]
    },
  },
  {
    name: 'deliveries-reordered', claim: 'deliveries in the reverse order',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob', { chain: 'ton' })]
      await world.honest(alice, bob)
      const held: Frame[] = []
      const from = bob.told.length
      world.proxy.lie = onDeliveries(alice, bob, (_delivery, frame) => {
        held.unshift(frame)
        return held.length < 4 ? [] : held.splice(0)
      })
      const texts = await sendAll(world, alice, bob, 4)
      for (const text of texts) await shows(bob, text)
      return [
        await attempt('the history', '1 2 3 4', () => historyOf(bob, alice, texts)),
        await attempt('gaps that were named', 'none', () => Promise.resolve(bob.told.slice(from).find((told) => told.startsWith('gap')) ?? 'none')),
        await honestly(world, alice, bob),
      ]
    },
  },
  {
    name: 'delivery-withheld', claim: 'one message in the middle, withheld live, in history and in catch-up',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob')]
      await world.honest(alice, bob)
      const from = bob.told.length
      let seen = 0
      let hidden: string | undefined
      const bytes = ({ envelope }: Delivery): string => Buffer.from(envelope).toString('hex')
      const isHidden = (delivery: Delivery): boolean => {
        if (!isMessageOf(alice, delivery)) return false
        if (hidden === undefined && ++seen === 2) hidden = bytes(delivery)
        return hidden === bytes(delivery)
      }
      world.proxy.lie = { toClient: hiding(bob, isHidden) }
      const texts = await sendAll(world, alice, bob, 3)
      await shows(bob, texts[2] ?? '')
      const attempts = [
        await attempt('the gap', 'gap withheld 4-4', () => toldOf(bob, 'gap', from)),
        // Alice is asked for it end to end, and what she sends again the liar cannot tell from other traffic.
        await attempt('the message, sent again by Alice', 'healed', () => toldOf(bob, 'healed', from)),
        await attempt('the history', '1 2 3', async () => {
          await shows(bob, texts[1] ?? '')
          return historyOf(bob, alice, texts)
        }),
      ]
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
  {
    name: 'cursor-ahead', claim: 'a cursor of next year, with a message withheld behind it: found by the chain and read from the log',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob', { chain: 'terra' })]
      await world.honest(alice, bob)
      world.proxy.lie = { toClient: hiding(bob, (delivery) => isMessageOf(alice, delivery)) }
      const withheld = await world.send(alice, bob, 'before the cursor')
      world.proxy.inject(bob.client.device, { type: FRAME_TYPE.synced, flags: 0, correlation: 0, body: encodeSynced(Date.now() + YEAR_MS) })
      await sleep(300)
      world.proxy.lie = {}
      world.proxy.drop(bob.client.device)
      const next = await world.send(alice, bob, 'behind the cursor')
      return [
        await attempt('the message behind it', 'shown', async () => ((await shows(bob, next)) === undefined ? 'not shown' : 'shown')),
        await attempt('the message before it', 'shown', async () => ((await shows(bob, withheld)) === undefined ? 'not shown' : 'shown')),
        await attempt('the history', '1 2', () => historyOf(bob, alice, [withheld, next])),
        await honestly(world, alice, bob),
      ]
    },
  },
  {
    name: 'discontinuity-claimed', claim: 'a server that says it keeps nothing of the last hour',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob')]
      await world.honest(alice, bob)
      const from = bob.told.length
      world.proxy.lie = {
        toClient(frame, link) {
          if (frame.type !== FRAME_TYPE.page || !isFor(bob, link)) return [frame]
          const page = decodePage(copyOf(frame).body)
          return [{ ...frame, body: encodePage({ ...page, deliveries: [], discontinuityMs: Date.now() }) }]
        },
      }
      world.proxy.drop(bob.client.device)
      const attempts = [await attempt('what Bob is told', 'gap expired undefined-undefined', () => toldOf(bob, 'gap', from))]
      return [...attempts, await honestly(world, alice, bob)]
    },
  },
  {
    name: 'acknowledged-not-stored', claim: 'a send that is acknowledged and thrown away',
    async run(world) {
      const [alice, bob] = [await world.join('alice'), await world.join('bob')]
      await world.honest(alice, bob)
      const from = bob.told.length
      world.proxy.lie = {
        toServer(frame, link) {
          if (frame.type !== FRAME_TYPE.send || !isFor(alice, link) || frame.body[ENVELOPE_OFFSETS.kind] !== 1) return [frame]
          const body = encodeAcks([{ correlation: frame.correlation, position: { timeMs: Date.now(), incarnation: 1, counter: 1 } }])
          world.proxy.inject(alice.client.device, { type: FRAME_TYPE.ack, flags: 0, correlation: 0, body })
          return []
        },
      }
      const lost = await world.send(alice, bob, 'thrown away')
      world.proxy.lie = {}
      const next = await world.send(alice, bob, 'the next one')
      await shows(bob, next)
      return [
        await attempt('the gap', 'gap withheld 3-3', () => toldOf(bob, 'gap', from)),
        await attempt('the message, sent again by Alice', 'healed', () => toldOf(bob, 'healed', from)),
        await attempt('the history', '1 2', async () => {
          await shows(bob, lost)
          return historyOf(bob, alice, [lost, next])
        }),
        await honestly(world, alice, bob),
      ]
    },
  },
  {
    name: 'delivery-of-others', claim: 'what Carol wrote to Alice, delivered to Bob',
    async run(world) {
      const [alice, bob, carol] = [await world.join('alice'), await world.join('bob'), await world.join('carol')]
      await world.honest(alice, bob)
      await world.honest(carol, alice)
      const caught: Delivery[] = []
      world.proxy.lie = onDeliveries(carol, alice, (_delivery, frame) => {
        caught.push(decodeDelivery(copyOf(frame).body))
        return [frame]
      })
      const text = await world.send(carol, alice, 'for Alice alone')
      await shows(alice, text)
      for (const delivery of caught) world.proxy.inject(bob.client.device, deliverFrame(delivery))
      await sleep(500)
      return [
        await attempt('what Bob is shown', '0 times', () => Promise.resolve(`${String(timesShown(bob, text))} times`)),
        await honestly(world, alice, bob),
      ]
    },
  },
]
