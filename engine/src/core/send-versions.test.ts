import { BODY_TYPE, ENVELOPE_KIND, SEND_REFUSALS_MAX, viewEnvelope } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { TestClient } from './client.fixture.js'
import { settle } from './cluster.fixture.js'
import {
  ALICE, BOB, ALICE_PHONE, BOB_PHONE, BOB_LAPTOP, MALLORY_PHONE, cluster, log, one, three, alice, bob, versions, toBob, stay, useScene,
} from './scene.fixture.js'

useScene()

describe('versions of a send', () => {
  it('that miss a device are refused with the delta, at most twice, then stored', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const seq = cluster.directory.seqOf(BOB)
    for (let refusals = 0; refusals < SEND_REFUSALS_MAX; refusals++) {
      alice.send(toBob(1), refusals)
      await alice.read()
      expect(alice.failures.at(-1)).toMatchObject({ code: 'stale.devices', missing: [BOB_LAPTOP], accounts: [{ account: ALICE, seq: 1 }, { account: BOB, seq }] })
      expect(alice.failures).toHaveLength(refusals + 1)
    }
    expect(log.appends).toEqual([])
    alice.send(toBob(1), SEND_REFUSALS_MAX)
    await alice.read()
    await bob.read()
    expect(alice.acks).toHaveLength(1)
    expect(bob.numbers).toEqual([1])
  })

  it('are checked for each message: what one was stored with after two refusals is refused to the next', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(1), SEND_REFUSALS_MAX)
    alice.send(toBob(2))
    alice.send(toBob(3), SEND_REFUSALS_MAX)
    await alice.read()
    await bob.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['stale.devices'])
    expect(bob.numbers).toEqual([1, 3])
  })

  it('tell every sender of old ones, not the first alone', async () => {
    const old = versions()
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    for (const number of [1, 2]) alice.send(toBob(number, { versions: old }))
    await alice.read()
    expect(alice.notices.map(({ kind }) => kind)).toEqual(['account_changed', 'account_changed'])
  })

  it('accept a device that the sender names as skipped, which then gets nothing', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const tablet = new TestClient(cluster, BOB, BOB_LAPTOP)
    await tablet.goLive(three)
    alice.send(toBob(1, { bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP, type: BODY_TYPE.skip }] }))
    for (const client of [alice, bob, tablet]) await client.read()
    expect([alice.acks.length, bob.deliveries.length, tablet.deliveries.length]).toEqual([1, 1, 0])
  })

  it('lose the bodies of revoked and foreign devices before anything is stored', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(1, { bodies: [BOB_PHONE, BOB_LAPTOP, MALLORY_PHONE].map((target) => ({ device: target })) }))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(viewEnvelope(log.appends[0]?.envelope ?? new Uint8Array()).bodies.map((body) => body.device)).toEqual([BOB_PHONE])
    expect(one.metrics.surplusStripped.value).toBe(2)
  })

  it('that are older without missing a device are accepted, and the sender is told', async () => {
    const old = versions()
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(1, { versions: old }))
    await alice.read()
    expect(alice.acks).toHaveLength(1)
    expect(alice.notices).toEqual([{ kind: 'account_changed', account: BOB, seq: 3 }])
  })

  it('that are newer than the lease make the node ask again', async () => {
    alice.send(toBob(1))
    await alice.read()
    cluster.directory.tells = false
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(2, { bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }] }))
    await alice.read()
    expect(alice.acks).toHaveLength(2)
    expect(viewEnvelope(log.appends[1]?.envelope ?? new Uint8Array()).bodies).toHaveLength(2)
    alice.send(toBob(3, { bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }], versions: [{ account: BOB, seq: 99 }, { account: ALICE, seq: 1 }] }))
    await alice.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['stale.devices'])
  })

  it('are checked again before the ack: a device added meanwhile is asked for', async () => {
    let letStore = (): void => undefined
    log.beforeStored = () => new Promise<void>((resolve) => { letStore = resolve })
    alice.send(toBob(1))
    await settle()
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    log.beforeStored = async () => undefined
    letStore()
    await alice.read()
    expect(alice.acks).toEqual([])
    expect(alice.failures).toMatchObject([{ code: 'stale.devices', missing: [BOB_LAPTOP] }])
    alice.send(toBob(1, { bodies: [{ device: BOB_PHONE }, { device: BOB_LAPTOP }] }), 1)
    await alice.read()
    expect(alice.acks).toHaveLength(1)
  })

  it('are taken from a lease of one second at most, even when nobody tells of a change', async () => {
    alice.send(toBob(1))
    await alice.read()
    cluster.directory.tells = false
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    await cluster.clock.advance(1_001)
    alice.send(toBob(2, { versions: [{ account: ALICE, seq: 1 }, { account: BOB, seq: 1 }] }))
    await alice.read()
    expect(alice.failures).toMatchObject([{ code: 'stale.devices', missing: [BOB_LAPTOP] }])
  })

  it('do not ask control traffic for every device', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    alice.send(toBob(77, { kind: ENVELOPE_KIND.control }))
    await alice.read()
    await bob.read()
    expect([alice.acks.length, bob.numbers]).toEqual([1, [77]])
  })

  it('refuse a device that was revoked while its socket was still open', async () => {
    alice.send(toBob(1))
    await alice.read()
    cluster.directory.tells = false
    cluster.directory.revokeDevice(ALICE, ALICE_PHONE)
    await stay(1_001)
    alice.send(toBob(2))
    await alice.read()
    await bob.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['account.device_unknown'])
    expect(bob.numbers).toEqual([1])
  })

  it('of another membership are refused', async () => {
    alice.send(toBob(1, { membershipVersion: 2 }))
    await alice.read()
    expect(alice.failures.map(({ code }) => code)).toEqual(['stale.membership'])
  })
})
