import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDeviceId, utf8 } from '@evegram/protocol'
import {
  decodeKeyPair, encodeKeyPair, MemorySignalState, mergeChanges, NO_CHANGES, overlay, signalStores, StagedRows, type ChangeSet,
} from './stores.js'

const device = parseDeviceId('5'.repeat(32))
const pair = { publicKey: new Uint8Array(33).fill(5), privateKey: new Uint8Array(32).fill(7) }
const changeSets = fc
  .array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.uint8Array({ maxLength: 3 }))), { maxLength: 6 })
  .map((writes): ChangeSet => {
    const puts = new Map<string, Uint8Array>()
    const deletes = new Set<string>()
    for (const [key, row] of writes) {
      if (row === null) {
        puts.delete(key)
        deletes.add(key)
      } else {
        deletes.delete(key)
        puts.set(key, row)
      }
    }
    return { puts, deletes }
  })

describe('change sets', () => {
  it('merged have the effect of one after the other, committed or seen through an overlay', async () => {
    await fc.assert(
      fc.asyncProperty(changeSets, fc.array(changeSets, { maxLength: 4 }), async (base, sets) => {
        const [stepwise, merged] = [new MemorySignalState(), new MemorySignalState()]
        stepwise.commit(base)
        merged.commit(base)
        const view = overlay(merged, mergeChanges(...sets))
        for (const set of sets) stepwise.commit(set)
        for (const key of ['a', 'b', 'c', 'd']) expect(await view.get(key)).toEqual(await stepwise.get(key))
        merged.commit(mergeChanges(...sets))
        expect(merged.snapshot()).toEqual(stepwise.snapshot())
      }),
    )
    expect(mergeChanges()).toEqual(NO_CHANGES)
  })
})

describe('staged rows', () => {
  it('show their own writes, leave the state alone and refuse rows that were not read', async () => {
    const state = new MemorySignalState()
    state.commit({ puts: new Map([['a', utf8('old')]]), deletes: new Set() })
    const rows = await StagedRows.read(state, ['a', 'b'])
    expect(rows.get('a')).toEqual(utf8('old'))
    rows.put('a', utf8('new'))
    rows.put('b', utf8('b'))
    rows.delete('b')
    expect([rows.get('a'), rows.get('b')]).toEqual([utf8('new'), undefined])
    expect(rows.changes()).toEqual({ puts: new Map([['a', utf8('new')]]), deletes: new Set(['b']) })
    expect(await state.get('a')).toEqual(utf8('old'))
    expect(() => rows.get('c')).toThrow(expect.objectContaining({ code: 'internal' }))
  })
})

describe('the four stores', () => {
  it('trust the attested key of a device and no other', async () => {
    const rows = await StagedRows.read(new MemorySignalState(), [])
    const stores = signalStores(rows, { identity: pair, registrationId: 1 }, { identityKeyOf: (id) => (id === device ? pair.publicKey : undefined) })
    expect(stores.isTrustedIdentity(device, pair.publicKey.slice())).toBe(true)
    expect(stores.isTrustedIdentity(device, new Uint8Array(33))).toBe(false)
    expect(stores.isTrustedIdentity(device, pair.publicKey.subarray(1))).toBe(false)
    expect(stores.isTrustedIdentity(parseDeviceId('6'.repeat(32)), pair.publicKey)).toBe(false)
  })

  it('give key pairs back as they were stored and refuse damaged rows', () => {
    expect(decodeKeyPair(encodeKeyPair(pair))).toEqual(pair)
    expect(() => decodeKeyPair(new Uint8Array(66))).toThrow(expect.objectContaining({ code: 'client.store' }))
    expect(() => decodeKeyPair(new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'client.store' }))
  })
})
