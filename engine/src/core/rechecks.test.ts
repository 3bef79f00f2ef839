import { EvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { TestClient } from './client.fixture.js'
import { settle } from './cluster.fixture.js'
import { account, ALICE, alice, BOB, bob, BOB_LAPTOP, BOB_PHONE, cluster, device, one, three, two, useScene } from './scene.fixture.js'

useScene()

const resync = (): void => { cluster.directory.tell({ kind: 'resync' }) }

describe('when word of a change may have been lost', () => {
  it('sessions of revoked devices, closed accounts and ended logins are closed, the others stay', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const laptop = new TestClient(cluster, BOB, BOB_LAPTOP)
    await laptop.goLive(three)
    cluster.directory.addDevice(account(9), device(9))
    const [guest, token] = [new TestClient(cluster, account(9), device(9)), cluster.directory.tokenOf(account(9), device(9))]
    await guest.connect(one, { token })
    cluster.directory.tells = false
    cluster.directory.revokeDevice(BOB, BOB_LAPTOP)
    cluster.directory.closeAccount(ALICE)
    cluster.directory.revokedTokens.add(token)
    await cluster.clock.advance(5_000)
    expect([laptop, alice, guest].map(({ socket }) => socket.closedBy)).toEqual([undefined, undefined, undefined])
    resync()
    await settle()
    expect([laptop, alice, guest].map(({ socket }) => socket.closedBy)).toEqual(['revoked', 'accountClosed', 'tokenExpired'])
    expect(bob.socket.closedBy).toBeUndefined()
    expect(three.metrics.revoked.value).toBe(1)
  })

  it('a hello that is being checked is checked again', async () => {
    cluster.directory.addDevice(BOB, BOB_LAPTOP)
    const laptop = new TestClient(cluster, BOB, BOB_LAPTOP)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => { release = resolve })
    const token = cluster.directory.tokenOf(BOB, BOB_LAPTOP)
    // The token was found good; meanwhile the login ends, and word of it is lost.
    cluster.directory.beforeSummary = () => held
    await laptop.connect(three, { token })
    cluster.directory.revokedTokens.add(token)
    resync()
    release()
    await cluster.clock.advance(100)
    expect(laptop.socket.closedBy).toBe('tokenExpired')
  })

  it('is asked again until auth answers, and a doubt that comes meanwhile is not forgotten', async () => {
    cluster.directory.tells = false
    cluster.directory.failure = new EvegramError('unavailable.auth')
    cluster.directory.revokeDevice(BOB, BOB_PHONE)
    resync()
    await cluster.clock.advance(3_000)
    expect(bob.socket.closedBy).toBeUndefined()
    cluster.directory.failure = undefined
    await cluster.clock.advance(1_100)
    expect(bob.socket.closedBy).toBe('revoked')
  })

  it('asks auth at a bounded rate', async () => {
    for (let number = 0; number < 200; number++) {
      cluster.directory.addDevice(account(100 + number), device(100 + number))
      await new TestClient(cluster, account(100 + number), device(100 + number)).connect(two)
    }
    const before = cluster.directory.summaries
    resync()
    await settle()
    // Fifty on the crowded node, one on each of the others that has somebody.
    expect(cluster.directory.summaries - before).toBeLessThanOrEqual(51)
    await cluster.clock.advance(100)
    expect(cluster.directory.summaries - before).toBeLessThanOrEqual(151)
    await cluster.clock.advance(500)
    expect(cluster.directory.summaries - before).toBe(202)
  })
})
