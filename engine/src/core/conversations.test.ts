import { EvegramError, type AccountId } from '@evegram/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryMembership } from '../adapters/memory/membership.js'
import { sampleAccount, sampleConversation, sampleDevice } from '../ports/sample-envelope.contract.js'
import { settle, VirtualClock } from './cluster.fixture.js'
import { Conversations, leaseHolds, LEASE_MS, type ConversationLease } from './conversations.js'
import { TestDirectory } from './directory.fixture.js'

const [ALICE, BOB] = [sampleAccount(1), sampleAccount(2)]

let clock: VirtualClock
let directory: TestDirectory
let membership: MemoryMembership
let conversations: Conversations

beforeEach(() => {
  clock = new VirtualClock()
  directory = new TestDirectory(clock)
  membership = new MemoryMembership()
  conversations = new Conversations({ clock, membership, directory })
  directory.onChange((change) => { if (change.kind === 'log') conversations.changed(change.account) })
  directory.addDevice(ALICE, sampleDevice(1))
  directory.addDevice(BOB, sampleDevice(2))
})

const open = async (other: AccountId = BOB): Promise<ConversationLease> => {
  const { conversation } = await membership.openDirect(ALICE, other)
  const lease = await conversations.lease(conversation)
  if (lease === undefined) throw new Error('the conversation was opened')
  return lease
}
const held = (lease: ConversationLease): boolean => conversations.held(lease.conversation, clock.monotonicMs()) === lease

describe('Conversations', () => {
  it('holds members and their devices for one second, counted from the question', async () => {
    const lease = await open()
    expect([lease.members, [...lease.devices].sort(), lease.versions]).toEqual([
      [ALICE, BOB], [sampleDevice(1), sampleDevice(2)], [{ account: ALICE, seq: 1 }, { account: BOB, seq: 1 }],
    ])
    clock.suspend(LEASE_MS)
    expect(leaseHolds(lease, clock.monotonicMs())).toBe(true)
    clock.suspend(0.1)
    expect([leaseHolds(lease, clock.monotonicMs()), held(lease)]).toEqual([false, false])
  })

  it('asks ahead for a lease that is in use, and prolongs it when nothing changed', async () => {
    const lease = await open()
    for (let step = 0; step < 20; step++) {
      clock.suspend(400)
      expect(held(lease)).toBe(true)
      await settle()
    }
    expect(directory.summaries).toBeLessThanOrEqual(2 * 21)
  })

  it('ends a lease at once when an account of it changes', async () => {
    const lease = await open()
    directory.addDevice(BOB, sampleDevice(3))
    expect([lease.ended, held(lease)]).toEqual([true, false])
    expect((await open()).devices.size).toBe(3)
  })

  it('does not keep an answer that was on its way while the account changed: it asks again', async () => {
    const { conversation } = await membership.openDirect(ALICE, BOB)
    let once = true
    directory.beforeSummary = async () => {
      if (!once) return
      once = false
      await Promise.resolve()
      queueMicrotask(() => { directory.addDevice(ALICE, sampleDevice(3)) })
    }
    const lease = await conversations.lease(conversation)
    expect([lease?.devices.size, lease?.versions[0]?.seq]).toEqual([3, 2])
  })

  it('shares one answer among questions at once, and has none for a conversation that nobody opened', async () => {
    const { conversation } = await membership.openDirect(ALICE, BOB)
    const leases = await Promise.all(Array.from({ length: 20 }, () => conversations.lease(conversation)))
    expect(new Set(leases).size).toBe(1)
    expect(directory.summaries).toBe(2)
    expect(await conversations.lease(sampleConversation(77))).toBeUndefined()
  })

  it('hands on the failure of a store and asks again the next time', async () => {
    const { conversation } = await membership.openDirect(ALICE, BOB)
    directory.failure = new EvegramError('unavailable.auth')
    await expect(conversations.lease(conversation)).rejects.toMatchObject({ code: 'unavailable.auth' })
    directory.failure = undefined
    expect((await conversations.lease(conversation))?.members).toEqual([ALICE, BOB])
  })

  it('names no device of a closed account', async () => {
    directory.closeAccount(BOB)
    expect([...(await open()).devices]).toEqual([sampleDevice(1)])
  })
})
