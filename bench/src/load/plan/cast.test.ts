import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCENARIOS } from '../scenarios/find-scenario.js'
import { castFault, type Cast } from './cast.js'
import { partitionCast } from './partition.js'

const direct = (one: number, other: number): Cast['conversations'][number] => ({ kind: 'direct', members: [one, other], senders: [one] })

describe('a cast', () => {
  it.each([
    ['nobody', { clients: 0, conversations: [] }],
    ['one alone', { clients: 2, conversations: [{ kind: 'group', members: [0], senders: [] }] }],
    ['three in a direct conversation', { clients: 3, conversations: [{ kind: 'direct', members: [0, 1, 2], senders: [] }] }],
    ['a member twice', { clients: 2, conversations: [{ kind: 'group', members: [0, 1, 1], senders: [] }] }],
    ['a client that is not there', { clients: 2, conversations: [direct(0, 2)] }],
    ['a sender who is no member', { clients: 3, conversations: [{ kind: 'direct', members: [0, 1], senders: [2] }] }],
    ['a follower who posts', { clients: 3, conversations: [{ kind: 'channel', members: [0, 1, 2], senders: [1] }] }],
  ] satisfies [string, Cast][])('with %s cannot be played', (_name, cast) => {
    expect(castFault(cast)).toBeDefined()
  })

  it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))('of the scenario %s can be played with any number of clients', (_name, scenario) => {
    for (const clients of [scenario.clientsMin, scenario.clientsMin + 1, scenario.clients, 1_000]) expect(castFault(scenario.cast(clients))).toBeUndefined()
  })
})

describe('clients in workers', () => {
  it('are with those they talk to, channels aside, and everybody is somewhere', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 6 }), fc.array(fc.tuple(fc.nat(39), fc.nat(39)), { maxLength: 30 }), (workers, pairs) => {
      const cast: Cast = { clients: 40, conversations: pairs.filter(([one, other]) => one !== other).map(([one, other]) => direct(one, other)) }
      const workerOf = partitionCast(cast, workers)
      expect(workerOf).toHaveLength(40)
      expect(workerOf.every((worker) => worker >= 0 && worker < workers)).toBe(true)
      for (const { members } of cast.conversations) expect(new Set(members.map((member) => workerOf[member])).size).toBe(1)
    }))
  })

  it('are spread evenly where nothing holds them together', () => {
    const channel: Cast = { clients: 101, conversations: [{ kind: 'channel', members: Array.from({ length: 101 }, (_, client) => client), senders: [0] }] }
    const workerOf = partitionCast(channel, 4)
    for (let worker = 0; worker < 4; worker++) expect(Math.abs(workerOf.filter((one) => one === worker).length - 25)).toBeLessThanOrEqual(1)
  })
})
