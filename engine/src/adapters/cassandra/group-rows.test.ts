import { silentLogger, systemClock } from '@evegram/platform'
import type { CassandraSession } from '@evegram/platform/cassandra'
import { testKeyspace } from '@evegram/platform/testing'
import { directConversationIdOf, type ConversationId } from '@evegram/protocol'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sampleAccount, sampleConversation } from '../../ports/sample-envelope.contract.js'
import { sampleEntry, sampleGroup } from '../../ports/sample-group.contract.js'
import { codeOf, FaultySession, once, type Fault } from './faulty-session.fixture.js'
import { CHANGES_HELD_MAX } from './group-rows.js'
import { CassandraMembership } from './membership.js'
import { ENGINE_MIGRATIONS, openCassandraEngineStore } from './store.js'

const keyspace = testKeyspace()
const [alice, bob] = [sampleAccount(1), sampleAccount(2)]
let real: CassandraSession
let session: FaultySession
let membership: CassandraMembership
let conversation: ConversationId
let number = 0

beforeAll(async () => {
  real = await keyspace.connect()
  await openCassandraEngineStore({ session: real, clock: systemClock(), log: silentLogger })
}, 60_000)
afterAll(async () => { await keyspace.drop() }, 60_000)
beforeEach(() => {
  session = new FaultySession(real)
  membership = new CassandraMembership(session)
  conversation = sampleConversation(++number)
})

describe('groups over Cassandra', () => {
  it.each<[Fault, number]>([['lost', 1], ['applied', 1], ['lost', 2], ['applied', 2]])(
    'say that the outcome is unknown when a change was %s at version %i, and then show it whole or not at all', async (fault, version) => {
      if (version === 2) await membership.changeGroup(sampleGroup(conversation, 1, [alice, bob]), sampleEntry(1))
      const before = await membership.get(conversation)
      session.fault = once(version === 1 ? 'INTO groups' : 'UPDATE groups', fault)
      const next = sampleGroup(conversation, version, [bob])
      expect(await codeOf(membership.changeGroup(next, sampleEntry(version, 7)))).toBe('unavailable.store unknown')
      for (const reader of [membership, new CassandraMembership(real)]) {
        expect(await reader.get(conversation)).toEqual(fault === 'applied' ? next : before)
        expect(await reader.groupEntries(conversation, version - 1, 10)).toEqual(fault === 'applied' ? [sampleEntry(version, 7)] : [])
      }
      expect(await membership.changeGroup(sampleGroup(conversation, version, [alice]), sampleEntry(version, 8)))
        .toEqual({ status: fault === 'applied' ? 'conflict' : 'stored' })
    })

  it.each<Fault>(['lost', 'applied'])('are founded although the taking of their id was %s without an answer', async (fault) => {
    session.fault = once('INTO conversations', fault)
    expect(await membership.changeGroup(sampleGroup(conversation, 1, [alice]), sampleEntry(1))).toEqual({ status: 'stored' })
    expect(await membership.get(conversation)).toEqual(sampleGroup(conversation, 1, [alice]))
  })

  it('are nothing while only their id is taken, and can then be founded', async () => {
    session.fault = once('INTO groups', 'lost')
    await codeOf(membership.changeGroup(sampleGroup(conversation, 1, [alice]), sampleEntry(1)))
    expect(await membership.get(conversation)).toBeUndefined()
    expect(await membership.groupEntries(conversation, 0, 10)).toEqual([])
    expect(await membership.changeGroup(sampleGroup(conversation, 1, [bob]), sampleEntry(1))).toEqual({ status: 'stored' })
  })

  it('cost a plain and a serial read, direct conversations a plain one', async () => {
    await membership.changeGroup(sampleGroup(conversation, 1, [alice]), sampleEntry(1))
    const direct = await membership.openDirect(alice, sampleAccount(100 + number))
    const costOf = async (id: ConversationId): Promise<number[]> => {
      const [reads, serial] = [session.reads, session.serialReads]
      await membership.get(id)
      return [session.reads - reads, session.serialReads - serial]
    }
    expect(await costOf(conversation)).toEqual([1, 1])
    expect(await costOf(direct.conversation)).toEqual([1, 0])
  })

  it('take one change at each version from many processes at once, whole', async () => {
    const sessions = await Promise.all(Array.from({ length: 4 }, () => keyspace.connect()))
    const processes = sessions.map((own) => new CassandraMembership(own))
    for (let version = 1; version <= 4; version++) {
      const answers = await Promise.all(Array.from({ length: 24 }, async (_, author) => {
        const next = sampleGroup(conversation, version, [sampleAccount(author)])
        // Who competes for long is told that the outcome is unknown.
        return processes[author % processes.length]?.changeGroup(next, sampleEntry(version, author)).then(({ status }) => status, codeOfFailure)
      }))
      const standing = await membership.get(conversation)
      const author = answers.findIndex((_, index) => standing?.members[0] === sampleAccount(index))
      expect(standing).toEqual(sampleGroup(conversation, version, [sampleAccount(author)]))
      expect(await membership.groupEntries(conversation, version - 1, 10)).toEqual([sampleEntry(version, author)])
      expect(answers.filter((answer) => !['stored', 'conflict', 'unavailable.store unknown'].includes(answer ?? ''))).toEqual([])
      const stored = answers.flatMap((answer, index) => (answer === 'stored' ? [index] : []))
      expect(stored).toEqual(answers[author] === 'stored' ? [author] : [])
      expect(answers[author]).not.toBe('conflict')
    }
  }, 60_000)

  it('never stand under the id of a direct conversation, whichever of the two comes first', async () => {
    for (let race = 0; race < 10; race++) {
      const peer = sampleAccount(1_000 + race)
      const id = directConversationIdOf(alice, peer)
      const [founded] = await Promise.all([
        new CassandraMembership(real).changeGroup(sampleGroup(id, 1, [bob]), sampleEntry(1)), codeOf(membership.openDirect(alice, peer)),
      ])
      expect((await membership.get(id))?.kind).toBe(founded.status === 'stored' ? 'group' : 'direct')
      expect(await membership.groupEntries(id, 0, 10)).toHaveLength(founded.status === 'stored' ? 1 : 0)
    }
  })

  it('hold so many changes of one group at once and refuse more, and then take changes again', async () => {
    await membership.changeGroup(sampleGroup(conversation, 1, [alice]), sampleEntry(1))
    const held = Array.from({ length: CHANGES_HELD_MAX }, () => membership.changeGroup(sampleGroup(conversation, 2, [bob]), sampleEntry(2)))
    expect(await codeOf(membership.changeGroup(sampleGroup(conversation, 2, [alice]), sampleEntry(2, 9)))).toMatch(/^limited.queue/)
    expect((await Promise.all(held)).filter(({ status }) => status === 'stored')).toHaveLength(1)
    expect(await membership.changeGroup(sampleGroup(conversation, 3, [alice]), sampleEntry(3))).toEqual({ status: 'stored' })
  })

  it('come to a store that was made before there were any', async () => {
    const older = testKeyspace()
    try {
      const opened = await older.connect()
      await opened.migrate('engine', ENGINE_MIGRATIONS.slice(0, 1))
      const direct = await new CassandraMembership(opened).openDirect(alice, bob)
      const store = await openCassandraEngineStore({ session: opened, clock: systemClock(), log: silentLogger })
      expect(await store.membership.get(direct.conversation)).toEqual(direct)
      expect(await store.membership.changeGroup(sampleGroup(conversation, 1, [alice]), sampleEntry(1))).toEqual({ status: 'stored' })
    } finally {
      await older.drop()
    }
  }, 60_000)
})

function codeOfFailure(failure: unknown): Promise<string> {
  return codeOf(Promise.reject(failure instanceof Error ? failure : new Error(String(failure))))
}
