import { readHandled } from '../../core/handled.js'
import { readHeard } from '../heard-record.js'
import { chainKey, CHAIN_EPOCH, decodeChain } from '../chain-row.js'
import { told, UndecryptableWorld, type SaidMessage, type WorldCounts } from './undecryptable-world.js'
import type { TestClient } from './test-client.js'

/** Time after the last fault in which everything is healed or named: requests wait up to an hour, and 50 an hour may be asked. */
const SETTLE_HOURS = 30

/**
 * What may keep a message from a device for good, in the words of docs/e2ee.md ("What is healed"). `sender_gone`: the device that said it is revoked, and no other
 * device of its account that is left had read it before it knew of that.
 */
export const HEALING_BOUNDS = ['sender_gone'] as const

/** What became of (message, reader) pairs, and of what could not be read at first. */
export interface UndecryptableResult {
  readonly seed: string
  readonly did: WorldCounts
  readonly outcomes: {
    /** Shown by a device that read it itself. */
    readonly shown: number
    /** Shown from a restored archive. */
    readonly archived: number
    /** Of the shown: after it could not be read, or was missing. */
    readonly healed: number
    /** Not shown, and its device says so, by reason. */
    readonly named: Readonly<Record<string, number>>
    /** Of the named: those that no device can give any more, by which of {@link HEALING_BOUNDS}. */
    readonly bounds: Readonly<Record<(typeof HEALING_BOUNDS)[number], number>>
    /** Of the named: those that a device has which may give them. It was not asked, or did not answer, in all that time: a broken promise. */
    readonly unanswered: number
    /** Not shown, and nobody says so: a broken promise. */
    readonly lost: number
    /** Told as new more than once: a broken promise. */
    readonly doubled: number
  }
  /** Of the healed, those that are revoked since included: what was wrong first, and how many were healed within each of {@link HEALED_WITHIN_MS}, or later. */
  readonly healedWithin: Readonly<Record<string, readonly number[]>>
  /** Messages that devices named as missing, by reason: also those that came later. */
  readonly told: Readonly<Record<string, number>>
  /** What devices refused, by code. */
  readonly refused: Readonly<Record<string, number>>
  /** What is still asked for when all is over. */
  readonly unhealed: number
  /** The first broken promises, for who looks for the bug. */
  readonly faults: readonly string[]
}

/** Choices of {@link runUndecryptable}. */
export interface UndecryptableOptions {
  readonly messages: number
  readonly seed: string
  /** How much more often than usually devices come and go, and live deliveries are lost. */
  readonly churn?: number
  readonly onProgress?: (messages: number) => void
}

/** Runs a world until so many messages were said, lets it settle, and looks at every message on every device that was meant to read it. */
export async function runUndecryptable({ messages, seed, churn, onProgress }: UndecryptableOptions): Promise<UndecryptableResult> {
  const world = new UndecryptableWorld(seed, churn)
  await world.open()
  while (world.said.length < messages) {
    await world.step()
    onProgress?.(world.said.length)
  }
  await world.settle(SETTLE_HOURS)
  const result = await judge(world, seed)
  await world.close()
  return result
}

async function judge(world: UndecryptableWorld, seed: string): Promise<UndecryptableResult> {
  const outcomes = { shown: 0, archived: 0, healed: 0, lost: 0, doubled: 0, unanswered: 0, bounds: { sender_gone: 0 } }
  const named: Record<string, number> = {}
  const refused: Record<string, number> = {}
  const faults: string[] = []
  let unhealed = 0
  for (const person of world.people) {
    for (const device of person.devices) {
      for (const { code } of told(device, 'security')) refused[code] = (refused[code] ?? 0) + 1
      outcomes.healed += told(device, 'session-healed').length
      unhealed += (await device.store.list('healing', { from: 'u/', to: 'u/~', limit: 10_000 })).length
      const times = new Map<string, number>()
      for (const { messageId } of told(device, 'message')) times.set(messageId, (times.get(messageId) ?? 0) + 1)
      for (const [messageId, count] of times) {
        if (count === 1) continue
        outcomes.doubled += 1
        faults.push(`${messageId} was told ${String(count)} times at a device of ${person.name}`)
      }
      for (const said of world.said) {
        if (!said.readers.has(device.client.device)) continue
        const found = await outcomeOf(device, said)
        if (found === 'shown' || found === 'archived') outcomes[found] += 1
        else if (found === 'lost') {
          outcomes.lost += 1
          faults.push(`${said.messageId} of ${said.peers[0].name} is not at a device of ${person.name}, which does not say so`)
        } else {
          named[found] = (named[found] ?? 0) + 1
          const holder = await holderOf(said)
          if (holder === undefined) outcomes.bounds.sender_gone += 1
          else {
            outcomes.unanswered += 1
            faults.push(`${said.messageId} of ${said.peers[0].name} is ${found} at a device of ${person.name}, and device ${holder.client.device} of ${said.peers[0].name} has it`)
          }
        }
      }
    }
  }
  return { seed, did: world.counts, outcomes: { ...outcomes, named }, healedWithin: world.times.healed, told: world.times.named, refused, unhealed, faults: faults.slice(0, 10) }
}

/** A device that may give a message to who was meant to read it: the one that said it, or once that is revoked another one of its account that read it. */
async function holderOf({ place: { conversation, device, number }, peers: [from] }: SaidMessage): Promise<TestClient | undefined> {
  const author = from.devices.find(({ client }) => client.device === device)
  if (author !== undefined) return author
  for (const other of from.devices) if ((await readHeard(other.store, conversation, device, number)) !== undefined) return other
  return undefined
}

/** What a device has of a message that it was meant to read: shown, or the reason that its chain names. */
async function outcomeOf(device: TestClient, { messageId, place }: SaidMessage): Promise<string> {
  const status = (await readHandled(device.store, messageId))?.status
  if (status === 'shown' || status === 'archived') return status
  const row = await device.store.get('chains', chainKey(place.conversation, place.device, CHAIN_EPOCH))
  const gap = row === undefined ? undefined : decodeChain(row).gaps.find(({ from, to }) => from <= place.number && place.number <= to)
  return gap?.reason ?? 'lost'
}
