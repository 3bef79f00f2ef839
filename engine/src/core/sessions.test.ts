import { encodeFrame, FRAME_TYPE, LIMITS } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { TestClient } from './client.fixture.js'
import { settle } from './cluster.fixture.js'
import {
  ALICE, BOB, ALICE_PHONE, BOB_PHONE, BOB_LAPTOP, cluster, presence, one, two, three, alice, bob, useScene,
} from './scene.fixture.js'

useScene()

describe('sessions', () => {
  it('of a revoked device are closed on every node at once, and the own devices are told', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const tablet = new TestClient(cluster, BOB, BOB_LAPTOP)
    await tablet.goLive(three)
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    await settle()
    expect(tablet.socket.closedBy).toBe('revoked')
    await bob.read()
    expect(bob.socket.closedBy).toBeUndefined()
    expect(bob.notices).toContainEqual({ kind: 'account_changed', account: BOB, seq: 3 })
    await tablet.connect(one)
    expect([tablet.welcomed, tablet.socket.closedBy, tablet.failures.at(-1)?.code]).toEqual([false, 'revoked', 'account.device_unknown'])
  })

  it('of a revoked login and of a closed account are closed', async () => {
    cluster.directory.tell({ kind: 'session_revoked', account: BOB, device: BOB_PHONE })
    cluster.directory.closeAccount(ALICE)
    await settle()
    expect([bob.socket.closedBy, alice.socket.closedBy]).toEqual(['tokenExpired', 'accountClosed'])
    await alice.connect(one)
    expect(alice.socket.closedBy).toBe('accountClosed')
  })

  it.each(['before its devices are read', 'after its devices were read'])('do not slip through when the device is revoked while its hello is checked, %s', async (moment) => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const tablet = new TestClient(cluster, BOB, BOB_LAPTOP)
    let revoked = false
    const revoke = (): void => {
      if (!revoked) cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
      revoked = true
    }
    if (moment.startsWith('before')) cluster.directory.beforeSummary = async () => { revoke() }
    else presence.beforeRegister = revoke
    await tablet.connect(three)
    await settle()
    expect([revoked, tablet.welcomed, tablet.socket.closedBy]).toEqual([true, false, 'revoked'])
    expect(await cluster.presence.lookup([BOB])).toHaveLength(1)
  })

  it('end with their token', async () => {
    await bob.connect(two, { token: cluster.directory.tokenOf(BOB, BOB_PHONE, 5_000) })
    await cluster.clock.advance(6_000)
    expect(bob.socket.closedBy).toBe('tokenExpired')
  })

  it('are refused without a valid token, signature, or in time', async () => {
    const stranger = new TestClient(cluster, BOB, BOB_PHONE)
    await stranger.connect(one, { token: cluster.directory.tokenOf(ALICE, ALICE_PHONE) })
    expect(stranger.socket.closedBy).toBe('helloRefused')
    await stranger.connect(one, { token: cluster.directory.tokenOf(BOB, BOB_PHONE, -1) })
    expect(stranger.socket.closedBy).toBe('tokenExpired')
    await stranger.connect(one, { sign: () => new Uint8Array(64) })
    expect(stranger.socket.closedBy).toBe('helloRefused')
    stranger.open(one)
    await cluster.clock.advance(LIMITS.helloTimeoutMs + 1_000)
    expect(stranger.socket.closedBy).toBe('helloTimeout')
    expect(bob.socket.closedBy).toBeUndefined()
  })

  it('that say nothing are closed as idle', async () => {
    await cluster.clock.advance(62_000)
    expect(bob.socket.closedBy).toBe('idle')
  })

  it('answer a ping, and close on anything that is not the protocol', async () => {
    bob.request(FRAME_TYPE.ping, new Uint8Array(0))
    await bob.read()
    expect(bob.order.at(-1)).toBe(FRAME_TYPE.pong)
    const wrong: [string, (client: TestClient) => void][] = [
      ['protocolError', (client) => { client.raw(new Uint8Array([1, 2, 3])) }],
      ['protocolError', (client) => { client.raw(new Uint8Array(0)) }],
      ['protocolError', (client) => { client.node?.node.handlers.text(client.socket) }],
      ['protocolError', (client) => { client.raw(encodeFrame(FRAME_TYPE.welcome, 1, new Uint8Array(0))) }],
      ['protocolError', (client) => { client.raw(encodeFrame(FRAME_TYPE.send, 1, new Uint8Array(10))) }],
      ['protocolError', (client) => { client.raw(encodeFrame(FRAME_TYPE.deviceAck, 0, new Uint8Array(12).fill(1))) }],
      ['protocolError', (client) => { client.raw(encodeFrame(FRAME_TYPE.open, 1, new Uint8Array([0xff]))) }],
      ['tooLarge', (client) => { client.raw(Uint8Array.from([1, 2, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0])) }],
      ['incompatible', (client) => { client.raw(Uint8Array.from([9, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])) }],
    ]
    for (const [reason, act] of wrong) {
      await bob.connect(two)
      expect(bob.welcomed).toBe(true)
      act(bob)
      await bob.read()
      expect([bob.socket.closedBy, bob.failures.at(-1)?.correlation]).toEqual([reason, 0])
    }
    bob.open(two)
    bob.request(FRAME_TYPE.ping, new Uint8Array(0))
    expect(bob.socket.closedBy).toBe('protocolError')
  })
})
