import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@evegram/platform'
import { isEvegramError, positionAtTime } from '@evegram/protocol'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeChannelLog } from '../../ports/channel-log.contract.js'
import { describeEnvelopeLog } from '../../ports/envelope-log.contract.js'
import { describeMarks } from '../../ports/marks.contract.js'
import { describeMembership } from '../../ports/membership.contract.js'
import { describeNodeRegistry } from '../../ports/node-registry.contract.js'
import { describePushSubscriptions } from '../../ports/push-subscriptions.contract.js'
import { sampleAccount, sampleConversation, sampleEnvelope } from '../../ports/sample-envelope.contract.js'
import { SCHEMA_UPGRADES, upgradeSchema } from './schema.js'
import { openDatabases, openEngineStore, type EngineStore } from './store.js'

const clock = systemClock()
const sleepMs = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

async function setup(): Promise<{ store: EngineStore; reopen: () => Promise<EngineStore>; advance: typeof sleepMs; close: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'engine-store-'))
  let current = openEngineStore({ dir, clock })
  return {
    store: current,
    reopen: async () => {
      await current.close()
      current = openEngineStore({ dir, clock })
      return current
    },
    advance: sleepMs,
    close: async () => {
      await current.close()
      await rm(dir, { recursive: true })
    },
  }
}

describeEnvelopeLog({
  name: 'LMDB',
  setup: async () => {
    const { store, reopen, close } = await setup()
    return { log: store.envelopeLog, reopen: async () => (await reopen()).envelopeLog, close }
  },
})
describeMarks({
  name: 'LMDB',
  setup: async () => {
    const { store, close } = await setup()
    return { log: store.envelopeLog, marks: store.marks, close }
  },
})
describeMembership({
  name: 'LMDB',
  setup: async () => {
    const { store, reopen, close } = await setup()
    return { membership: store.membership, reopen: async () => (await reopen()).membership, close }
  },
})
describePushSubscriptions({
  name: 'LMDB',
  setup: async () => {
    const { store, reopen, close } = await setup()
    return { subscriptions: store.pushSubscriptions, nowMs: () => clock.now(), reopen: async () => (await reopen()).pushSubscriptions, close }
  },
})
describeChannelLog({
  name: 'LMDB',
  setup: async () => {
    const { store, reopen, close } = await setup()
    return { log: store.channelLog, reopen: async () => (await reopen()).channelLog, close }
  },
})
describeNodeRegistry({
  name: 'LMDB',
  setup: async () => {
    const { store, reopen, advance, close } = await setup()
    return { registry: store.nodeRegistry, log: store.envelopeLog, reopen: async () => (await reopen()).nodeRegistry, advance, close }
  },
})

describe('openEngineStore', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'engine-store-'))
  })
  afterEach(async () => {
    await rm(dir, { recursive: true })
  })

  it('refuses a store of a newer version with advice, and leaves it as it was', async () => {
    const databases = openDatabases(dir)
    upgradeSchema(databases, [...SCHEMA_UPGRADES, () => undefined])
    await databases.root.close()
    for (let round = 0; round < 2; round++) {
      let failure: unknown
      try {
        openEngineStore({ dir, clock })
      } catch (error) {
        failure = error
      }
      expect(isEvegramError(failure, 'incompatible.schema')).toBe(true)
      const [newer, known] = [SCHEMA_UPGRADES.length + 1, SCHEMA_UPGRADES.length]
      expect(String(failure)).toContain(`version ${String(newer)}, this program knows ${String(known)}: install the newer version, or restore a backup`)
    }
  })

  it('upgrades an older store in place: every missing step once, with the data at hand', async () => {
    const store = openEngineStore({ dir, clock })
    const conversation = sampleConversation(1)
    await store.envelopeLog.append({ conversation, envelope: sampleEnvelope({ conversation, number: 1 }), position: positionAtTime(5) }, [])
    await store.close()
    const databases = openDatabases(dir)
    const ran: string[] = []
    const upgrades = [
      ...SCHEMA_UPGRADES.map(() => () => { ran.push('old') }),
      () => { ran.push(`next sees ${databases.log.getKeysCount()} envelope`) }, () => { ran.push('last') },
    ]
    expect(upgradeSchema(databases, upgrades)).toBe(upgrades.length)
    expect(upgradeSchema(databases, upgrades)).toBe(upgrades.length)
    expect(ran).toEqual(['next sees 1 envelope', 'last'])
    await databases.root.close()
  })

  it('keeps the version when an upgrade fails', async () => {
    const databases = openDatabases(dir)
    expect(upgradeSchema(databases)).toBe(SCHEMA_UPGRADES.length)
    const failing = [...SCHEMA_UPGRADES, () => { throw new Error('half way') }]
    expect(() => upgradeSchema(databases, failing)).toThrow('half way')
    expect(upgradeSchema(databases)).toBe(SCHEMA_UPGRADES.length)
    await databases.root.close()
  })

  it('has every append in the backup that resolved before it was made, and goes on', async () => {
    const store = openEngineStore({ dir, clock })
    const conversation = sampleConversation(1)
    const append = (number: number): Promise<unknown> => store.envelopeLog.append(
      { conversation, envelope: sampleEnvelope({ conversation, number }), position: positionAtTime(1_000 + number) }, [sampleAccount(1)])
    await Promise.all(Array.from({ length: 200 }, (_, index) => append(index)))
    const copied = store.backup(join(dir, 'copy'))
    await Promise.all([copied, ...Array.from({ length: 50 }, (_, index) => append(200 + index))])
    const restored = openEngineStore({ dir: join(dir, 'copy'), clock })
    expect((await restored.envelopeLog.read(conversation, positionAtTime(0), 1_000)).length).toBeGreaterThanOrEqual(200)
    expect(await restored.marks.since(sampleAccount(1), 0, 10)).toEqual([conversation])
    await Promise.all([restored.close(), store.close()])
  })

  it('commits what waits when it is closed, and rejects what comes after', async () => {
    const store = openEngineStore({ dir, clock })
    const conversation = sampleConversation(1)
    const append = (number: number): Promise<unknown> => store.envelopeLog.append(
      { conversation, envelope: sampleEnvelope({ conversation, number }), position: positionAtTime(1_000 + number) }, [])
    const waiting = append(1)
    const closed = store.close()
    const late: unknown = await append(2).catch((error: unknown) => error)
    expect(isEvegramError(late, 'unavailable.envelope_log')).toBe(true)
    await expect(waiting).resolves.toMatchObject({ status: 'stored' })
    await closed
  })

  it('remembers marks over a restart: an append in the same hour does not lose them', async () => {
    const conversation = sampleConversation(1)
    for (const number of [1, 2]) {
      const store = openEngineStore({ dir, clock })
      await store.envelopeLog.append(
        { conversation, envelope: sampleEnvelope({ conversation, number }), position: positionAtTime(1_000 + number) }, [sampleAccount(number)])
      expect(await store.marks.since(sampleAccount(1), 0, 10)).toEqual([conversation])
      await store.close()
    }
  })
})
