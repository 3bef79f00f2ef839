import { accountIdOf, encodeCbor } from '@evegram/protocol'
import { createLocalWallet } from '@evegram/sdk'
import { describe, expect, it } from 'vitest'
import { A1, A2, accountRow, ALICE, B1, BOB, C1, GHOST, headOf, outboxRow, Scene, stateOf } from './testing/scene.js'

const FOUNDER = createLocalWallet('solana', new Uint8Array(32).fill(1)).walletId
const LINKED = createLocalWallet('solana', new Uint8Array(32).fill(2)).walletId
const nothing = { table: 'meta', key: 'nothing', value: encodeCbor(1) } as const

describe('pinned account logs', () => {
  it('may grow', () => {
    const scene = new Scene()
    scene.auditor.committed('alice-1', [accountRow(stateOf(BOB, 1, { [B1]: true }))])
    scene.auditor.entryStored(stateOf(BOB, 2, { [B1]: false }))
    scene.auditor.committed('alice-1', [accountRow(stateOf(BOB, 2, { [B1]: false }))])
    expect(scene.run.violation).toBeUndefined()
    expect(scene.run.coverage.of('audit/account pinned')).toBe(2)
  })

  it('break P7 when they go back, fork, lose a row, or hold a ghost', () => {
    const rows = {
      back: accountRow(stateOf(BOB, 1, { [B1]: true })),
      fork: accountRow(stateOf(BOB, 3, { [B1]: true }), [headOf(1, 1), headOf(2), headOf(3)]),
      ghost: accountRow(stateOf(BOB, 3, { [B1]: true, [GHOST]: true })),
      'device of another account': accountRow(stateOf(BOB, 3, { [B1]: true, [C1]: true })),
      wallet: accountRow(stateOf(BOB, 3, { [B1]: true }, [LINKED])),
      forgotten: { ...accountRow(stateOf(BOB, 1, {})), value: undefined },
    }
    for (const [name, row] of Object.entries(rows)) {
      const scene = new Scene({ malicious: true })
      scene.auditor.committed('alice-1', [accountRow(stateOf(BOB, 2, { [B1]: true }))])
      expect(scene.broken, name).toBeUndefined()
      scene.auditor.committed('alice-1', [row])
      expect(scene.broken, name).toBe('P7')
    }
  })

  it('may hold the founding wallet and linked ones', () => {
    const scene = new Scene({ malicious: true })
    const account = accountIdOf(FOUNDER)
    scene.auditor.entryStored(stateOf(account, 1, {}, [LINKED]))
    scene.auditor.committed('alice-1', [accountRow(stateOf(account, 1, {}, [FOUNDER, LINKED]))])
    expect(scene.run.violation).toBeUndefined()
  })

  it('break P7 with another head than an honest auth stored, and when auth takes a ghost or goes back', () => {
    const fork = new Scene()
    fork.auditor.committed('alice-1', [accountRow({ ...stateOf(BOB, 1, { [B1]: true }), head: headOf(1, 1) })])
    expect(fork.broken).toBe('P7')
    const ghost = new Scene()
    ghost.auditor.entryStored(stateOf(BOB, 2, { [B1]: true, [GHOST]: true }))
    expect(ghost.broken).toBe('P7')
    const back = new Scene()
    back.auditor.entryStored(stateOf(BOB, 1, { [B1]: true }))
    expect(back.broken).toBe('P7')
  })
})

describe('bodies', () => {
  it('break P7 for a ghost and for a third person', () => {
    for (const device of [GHOST, C1]) {
      const scene = new Scene()
      scene.send(scene.say('§evg-1§', { bodies: [device] }))
      expect(scene.broken).toBe('P7')
    }
  })

  it('break P2 when their bytes were not durable on the sender, except behind a liar', () => {
    for (const malicious of [false, true]) {
      const scene = new Scene({ malicious })
      scene.send(scene.compose('§evg-1§'))
      expect(scene.broken).toBe(malicious ? undefined : 'P2')
    }
  })

  it('break P7 when they are made for a device that the sender had seen revoked, and not when they were there before', async () => {
    for (const isNew of [true, false]) {
      const scene = new Scene()
      scene.auditor.deviceMade('alice-2', ALICE, A2)
      scene.auditor.entryStored(stateOf(ALICE, 2, { [A1]: true, [A2]: true }))
      const old = scene.say('§evg-1§', { bodies: [B1, A2] })
      scene.auditor.entryStored(stateOf(ALICE, 3, { [A1]: true, [A2]: false }))
      scene.auditor.committed('alice-1', [accountRow(stateOf(ALICE, 3, { [A1]: true, [A2]: false }))])
      scene.auditor.committed('alice-1', [nothing])
      scene.auditor.committed('alice-1', [nothing])
      await scene.go(1_500)
      if (isNew) scene.say('§evg-2§', { bodies: [B1, A2] })
      else scene.auditor.committed('alice-1', [outboxRow(old.message.messageId, old.envelope, 1)])
      expect(scene.broken).toBe(isNew ? 'P7' : undefined)
    }
  })

})

describe('a revocation', () => {
  it('breaks P7 when it was answered with success and the log has the device active', () => {
    const scene = new Scene()
    scene.auditor.revoked(BOB, B1)
    expect(scene.broken).toBe('P7')
  })
})
