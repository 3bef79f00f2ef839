import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { bytesOfHex, parseDeviceId, textOf, utf8 } from '@evegram/protocol'
import { verifyBundle, type VerifiedBundle } from './prekeys.js'
import type { PreKeyBundle } from './prekey-bundle.js'
import { SessionCiphers } from './session-cipher.js'
import { PREKEY_MESSAGE, SESSION_MESSAGE } from './signal-message.js'
import { SESSION_LIMITS } from './signal-repairs.js'
import { flipped, TEST_NOW_MS, TestAttestations, testConversation, TestDevice, testPair, type TestMessage } from './test-device.js'
import { NO_CHANGES, overlay, SIGNAL_KEYS } from './stores.js'

/** Like `verifyBundle`, without its checks: to see that the library refuses by itself. */
function unchecked(bundle: PreKeyBundle): VerifiedBundle {
  return bundle as VerifiedBundle
}

describe('a session', () => {
  it('opens with a prekey message, and goes on without once the peer has answered', async () => {
    const { alice, bob } = await testPair('opens')
    await alice.startWith(bob)
    const first = await alice.send(bob, 'one')
    const second = await alice.send(bob, 'two')
    expect([first.type, second.type]).toEqual([PREKEY_MESSAGE, PREKEY_MESSAGE])
    expect(await bob.receive(alice, first)).toBe('one')
    expect(await bob.receive(alice, second)).toBe('two')
    const reply = await bob.send(alice, 'three')
    expect(reply.type).toBe(SESSION_MESSAGE)
    expect(await alice.receive(bob, reply)).toBe('three')
    expect((await alice.send(bob, 'four')).type).toBe(SESSION_MESSAGE)
  })

  it('carries empty and large plaintexts and every byte value', async () => {
    const { alice, bob } = await testConversation('sizes')
    const every = Uint8Array.from({ length: 256 }, (_, index) => index)
    for (const plaintext of [new Uint8Array(0), every, new Uint8Array(49_152).fill(0xa5)]) {
      const outcome = await alice.ciphers.encryptFor(bob.id, plaintext, alice.state)
      if (outcome.status !== 'encrypted') throw new Error(outcome.status)
      alice.state.commit(outcome.changes)
      const opened = await bob.open(alice, outcome)
      if (opened.status !== 'decrypted') throw new Error(opened.status)
      bob.state.commit(opened.changes)
      expect(opened.plaintext).toEqual(plaintext)
    }
  })

  it('uses a one-time prekey once: its private half goes with the message that used it', async () => {
    const { alice, bob } = await testPair('one-time')
    await alice.startWith(bob)
    const first = await alice.send(bob, 'one')
    expect(bob.state.snapshot().has(SIGNAL_KEYS.preKey(1))).toBe(true)
    expect(await bob.receive(alice, first)).toBe('one')
    expect(bob.state.snapshot().has(SIGNAL_KEYS.preKey(1))).toBe(false)
  })

  it('starts without a one-time prekey when there is none left', async () => {
    const attestations = new TestAttestations()
    const alice = await TestDevice.make('last/alice', attestations)
    const bob = await TestDevice.make('last/bob', attestations, { oneTimeCount: 0 })
    await alice.startWith(bob)
    expect(await bob.receive(alice, await alice.send(bob, 'last resort'))).toBe('last resort')
    expect(await alice.receive(bob, await bob.send(alice, 'fine'))).toBe('fine')
  })

  it('is one per device: two devices of one account read the same text each with its own session', async () => {
    const attestations = new TestAttestations()
    const alice = await TestDevice.make('multi/alice', attestations)
    const phones = [await TestDevice.make('multi/bob-1', attestations), await TestDevice.make('multi/bob-2', attestations)]
    for (const phone of phones) await alice.startWith(phone)
    const messages = await Promise.all(phones.map((phone) => alice.send(phone, 'to both')))
    for (const [index, phone] of phones.entries()) {
      const [own, other] = index === 0 ? messages : [...messages].reverse()
      if (own === undefined || other === undefined) throw new Error('two messages')
      expect(await phone.receive(alice, other)).toMatch(/^<(missing_prekey|bad_mac)>$/)
      expect(await phone.receive(alice, own)).toBe('to both')
    }
  })

  it('joins when both sides start at the same time', async () => {
    const { alice, bob } = await testPair('both')
    await Promise.all([alice.startWith(bob), bob.startWith(alice)])
    const [fromAlice, fromBob] = [await alice.send(bob, 'a1'), await bob.send(alice, 'b1')]
    expect(await bob.receive(alice, fromAlice)).toBe('a1')
    expect(await alice.receive(bob, fromBob)).toBe('b1')
    for (let round = 0; round < 3; round++) {
      const pair = [await alice.send(bob, `a${round}`), await bob.send(alice, `b${round}`)] as const
      expect(await bob.receive(alice, pair[0])).toBe(`a${round}`)
      expect(await alice.receive(bob, pair[1])).toBe(`b${round}`)
    }
  })
})

describe('decrypt', () => {
  it('reads messages in any order, over ratchet steps', async () => {
    const { alice, bob } = await testConversation('order')
    const kept: TestMessage[] = []
    for (let step = 0; step < 5; step++) {
      kept.push(await alice.send(bob, `late ${step}`))
      expect(await bob.receive(alice, await alice.send(bob, `now ${step}`))).toBe(`now ${step}`)
      expect(await alice.receive(bob, await bob.send(alice, `answer ${step}`))).toBe(`answer ${step}`)
    }
    for (const step of [3, 0, 4, 2, 1]) {
      const message = kept[step]
      if (message === undefined) throw new Error('kept')
      expect(await bob.receive(alice, message)).toBe(`late ${step}`)
    }
  })

  it('names a message that was read before replayed, and changes nothing', async () => {
    const { alice, bob } = await testConversation('replay')
    const message = await alice.send(bob, 'once')
    expect(await bob.receive(alice, message)).toBe('once')
    const before = bob.state.snapshot()
    for (let count = 0; count < 3; count++) expect(await bob.open(alice, message)).toEqual({ status: 'replayed' })
    expect(bob.state.snapshot()).toEqual(before)
    expect(await bob.receive(alice, await alice.send(bob, 'next'))).toBe('next')
  })

  it('names a first message that was read before replayed', async () => {
    const { alice, bob } = await testPair('replay first')
    await alice.startWith(bob)
    const first = await alice.send(bob, 'once')
    expect(await bob.receive(alice, first)).toBe('once')
    expect(await bob.receive(alice, first)).toBe('<replayed>')
  })

  it('refuses a message with any byte changed, changes nothing, and reads the untouched one after', async () => {
    const { alice, bob } = await testConversation('tamper')
    const message = await alice.send(bob, 'pay 100')
    const before = bob.state.snapshot()
    for (let index = 0; index < message.bytes.length; index++) {
      const outcome = await bob.open(alice, flipped(message, index, 1 << index % 8))
      expect(outcome.status).not.toBe('decrypted')
      expect(outcome).not.toHaveProperty('changes')
    }
    expect(bob.state.snapshot()).toEqual(before)
    for (let index = 1; index <= 8; index++) expect(await bob.open(alice, flipped(message, -index))).toEqual({ status: 'bad_mac' })
    expect(await bob.receive(alice, message)).toBe('pay 100')
  })

  it('refuses a first message with any byte changed, except in the registration id, which nothing depends on', async () => {
    const { alice, bob } = await testPair('tamper first')
    await alice.startWith(bob)
    const message = await alice.send(bob, 'pay 100')
    const readable: number[] = []
    for (let index = 0; index < message.bytes.length; index++) {
      const outcome = await bob.open(alice, flipped(message, index))
      if (outcome.status === 'decrypted') readable.push(index)
    }
    // Version byte, tag, two bytes of registration id.
    expect(readable.every((index) => index === 2 || index === 3)).toBe(true)
    expect(await bob.receive(alice, message)).toBe('pay 100')
  })

  it('refuses an identity that is not the attested one, on a first message and within a session', async () => {
    const { alice, bob, attestations } = await testPair('identity')
    const mallory = await TestDevice.make('identity/mallory', attestations)
    await alice.startWith(bob)
    const first = await alice.send(bob, 'first')
    attestations.keys.set(alice.id, mallory.keys.identity.publicKey)
    expect(await bob.receive(alice, first)).toBe('<untrusted_identity>')
    attestations.keys.set(alice.id, alice.keys.identity.publicKey)
    expect(await bob.receive(alice, first)).toBe('first')
    const second = await alice.send(bob, 'second')
    attestations.keys.set(alice.id, mallory.keys.identity.publicKey)
    expect(await bob.receive(alice, second)).toBe('<untrusted_identity>')
    expect(await bob.ciphers.encryptFor(alice.id, utf8('x'), bob.state)).toEqual({ status: 'untrusted_identity' })
    attestations.keys.delete(alice.id)
    expect(await bob.receive(alice, second)).toBe('<untrusted_identity>')
    expect(await bob.ciphers.encryptFor(alice.id, utf8('x'), bob.state)).toEqual({ status: 'untrusted_identity' })
  })

  it('refuses a message of one device that is passed off as that of another', async () => {
    const { alice, bob, attestations } = await testConversation('passed off')
    const carol = await TestDevice.make('passed off/carol', attestations)
    await carol.startWith(bob)
    const fromCarol = await carol.send(bob, 'I am Carol')
    expect(await bob.receive(alice, fromCarol)).toBe('<untrusted_identity>')
    expect(await bob.receive(carol, fromCarol)).toBe('I am Carol')
    const second = await carol.send(bob, 'still Carol')
    expect(await bob.receive(alice, second)).toBe('<untrusted_identity>')
    await carol.receive(bob, await bob.send(carol, 'yes'))
    expect(await bob.receive(alice, await carol.send(bob, 'and now'))).toBe('<bad_mac>')
  })

  it('says when there is no session, no prekey, or no Signal message', async () => {
    const { alice, bob, attestations } = await testConversation('none')
    const carol = await TestDevice.make('none/carol', attestations)
    const message = await alice.send(bob, 'for Bob')
    expect(await carol.receive(alice, message)).toBe('<no_session>')
    expect(await bob.receive(alice, { type: PREKEY_MESSAGE, bytes: message.bytes })).toBe('<malformed>')
    expect(await bob.receive(alice, { type: SESSION_MESSAGE, bytes: utf8('nonsense') })).toBe('<malformed>')
    expect(await bob.receive(alice, { type: SESSION_MESSAGE, bytes: new Uint8Array(0) })).toBe('<malformed>')
    await carol.startWith(bob)
    const first = await carol.send(bob, 'to a lost prekey')
    bob.state.commit({ puts: new Map(), deletes: new Set([SIGNAL_KEYS.signedPreKey(1)]) })
    expect(await bob.receive(carol, first)).toBe('<missing_prekey>')
  })

  it('refuses a first message whose one-time prekey is used up', async () => {
    const { alice, bob } = await testPair('used up')
    await alice.startWith(bob)
    const first = await alice.send(bob, 'x')
    bob.state.commit({ puts: new Map(), deletes: new Set([SIGNAL_KEYS.preKey(1)]) })
    expect(await bob.receive(alice, first)).toBe('<missing_prekey>')
  })

  it('reads a message behind 1999 lost ones and names the one behind 2001 too far ahead', async () => {
    const { alice, bob } = await testConversation('skipped')
    const base = alice.state.snapshot()
    const messages: TestMessage[] = []
    for (let count = 0; count <= SESSION_LIMITS.skippedAheadMax; count++) messages.push(await alice.send(bob, `n${count}`))
    expect(base.size).toBeGreaterThan(0)
    const [early, last, tooFar] = [messages[7], messages[SESSION_LIMITS.skippedAheadMax - 1], messages[SESSION_LIMITS.skippedAheadMax]]
    if (early === undefined || last === undefined || tooFar === undefined) throw new Error('messages')
    expect(await bob.receive(alice, tooFar)).toBe('<too_far_ahead>')
    expect(await bob.receive(alice, last)).toBe(`n${SESSION_LIMITS.skippedAheadMax - 1}`)
    expect(await bob.receive(alice, tooFar)).toBe(`n${SESSION_LIMITS.skippedAheadMax}`)
    expect(await bob.receive(alice, early)).toBe('n7')
    expect(await bob.receive(alice, early)).toBe('<replayed>')
  }, 60_000)

  it('never asks what time it is', async () => {
    const { alice, bob } = await testConversation('time')
    const late = await alice.send(bob, 'late')
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => { throw new Error('a wall clock') })
    try {
      for (let step = 0; step < 3; step++) {
        expect(await bob.receive(alice, await alice.send(bob, 'now'))).toBe('now')
        expect(await alice.receive(bob, await bob.send(alice, 'answer'))).toBe('answer')
      }
      expect(await bob.receive(alice, late)).toBe('late')
      alice.state.commit(await alice.ciphers.resetSession(bob.id, alice.state))
    } finally {
      clock.mockRestore()
    }
  })

  it('keeps the record of a long conversation small', async () => {
    const { alice, bob } = await testConversation('long')
    let early = 0
    for (let round = 0; round < 60; round++) {
      await bob.receive(alice, await alice.send(bob, 'ping'))
      await alice.receive(bob, await bob.send(alice, 'pong'))
      if (round === 30) early = (await bob.state.get(SIGNAL_KEYS.session(alice.id)))?.length ?? 0
    }
    const late = (await bob.state.get(SIGNAL_KEYS.session(alice.id)))?.length ?? 0
    expect(early).toBeGreaterThan(1_000)
    expect(late).toBeLessThan(early * 1.05)
    expect(late).toBeLessThan(8_000)
  })
})

describe('bad keys', () => {
  it.each([
    ['all zeros', '05' + '00'.repeat(32), 'low_order_key'],
    ['of order 8', '05e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'low_order_key'],
    ['written in a second way', '05f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'malformed'],
  ] as const)('a one-time prekey %s starts no session, even past the check of the bundle', async (_name, hex, status) => {
    const { alice, bob } = await testPair(`keys ${hex}`)
    const bundle = { ...bob.bundle(), oneTimePreKey: { id: 1, publicKey: bytesOfHex(hex) } }
    expect(await alice.ciphers.startSession(bob.id, unchecked(bundle), alice.state)).toEqual({ status })
  })

  it('a signed prekey with a bad signature or of another identity starts no session, even past the check of the bundle', async () => {
    const { alice, bob, attestations } = await testPair('signature')
    const mallory = await TestDevice.make('signature/mallory', attestations)
    const bundle = bob.bundle()
    const forged = { ...bundle, signedPreKey: mallory.bundle().signedPreKey }
    expect(await alice.ciphers.startSession(bob.id, unchecked(forged), alice.state)).toEqual({ status: 'bad_signature' })
    const other = { ...mallory.bundle(), device: bob.id }
    expect(await alice.ciphers.startSession(bob.id, unchecked(other), alice.state)).toEqual({ status: 'untrusted_identity' })
    await expect(alice.ciphers.startSession(mallory.id, unchecked(bundle), alice.state)).rejects.toMatchObject({ code: 'invalid.argument' })
  })

  it('a zero key in a message is refused before any arithmetic', async () => {
    const { alice, bob } = await testConversation('zero in message')
    const message = await alice.send(bob, 'x')
    const bytes = message.bytes.slice()
    bytes.fill(0, 4, 36)
    expect(await bob.receive(alice, { type: message.type, bytes })).toBe('<low_order_key>')
  })

  it('a last-resort message cannot open a second session under another spelling of its base key', async () => {
    const attestations = new TestAttestations()
    const alice = await TestDevice.make('spelling/alice', attestations)
    const bob = await TestDevice.make('spelling/bob', attestations, { oneTimeCount: 0 })
    await alice.startWith(bob)
    const first = await alice.send(bob, 'once only')
    expect(await bob.receive(alice, first)).toBe('once only')
    const at = first.bytes.findIndex((byte, index) => byte === 0x12 && first.bytes[index + 1] === 33)
    expect(await bob.receive(alice, flipped(first, at + 34, 0x80))).toBe('<malformed>')
  })
})

describe('change sets', () => {
  it('let a crash between two messages lose nothing: an uncommitted decryption can be done again', async () => {
    const { alice, bob } = await testConversation('crash')
    const message = await alice.send(bob, 'again')
    const lost = await bob.open(alice, message)
    const again = await bob.open(alice, message)
    if (lost.status !== 'decrypted' || again.status !== 'decrypted') throw new Error(again.status)
    expect(again.plaintext).toEqual(lost.plaintext)
    bob.state.commit(again.changes)
    expect(await bob.receive(alice, message)).toBe('<replayed>')
  })

  it('can be collected over several operations in one transaction', async () => {
    const { alice, bob } = await testConversation('overlay')
    const first = await alice.ciphers.encryptFor(bob.id, utf8('one'), overlay(alice.state, NO_CHANGES))
    if (first.status !== 'encrypted') throw new Error(first.status)
    const second = await alice.ciphers.encryptFor(bob.id, utf8('two'), overlay(alice.state, first.changes))
    if (second.status !== 'encrypted') throw new Error(second.status)
    alice.state.commit(second.changes)
    expect(await bob.receive(alice, second)).toBe('two')
    expect(await bob.receive(alice, first)).toBe('one')
    expect(await bob.receive(alice, await alice.send(bob, 'three'))).toBe('three')
  })

  it('touch the rows of that one device only', async () => {
    const { alice, bob } = await testConversation('rows')
    const outcome = await alice.ciphers.encryptFor(bob.id, utf8('x'), alice.state)
    if (outcome.status !== 'encrypted') throw new Error(outcome.status)
    expect([...outcome.changes.puts.keys()]).toEqual([SIGNAL_KEYS.session(bob.id)])
    expect(outcome.changes.deletes.size).toBe(0)
  })
})

describe('resetSession', () => {
  it('needs a new session for the next message, and still reads what was on its way in the old one', async () => {
    const { alice, bob } = await testConversation('reset')
    const onItsWay = await bob.send(alice, 'on its way')
    alice.state.commit(await alice.ciphers.resetSession(bob.id, alice.state))
    expect(await alice.ciphers.hasSession(bob.id, alice.state)).toBe(false)
    expect(await alice.ciphers.encryptFor(bob.id, utf8('x'), alice.state)).toEqual({ status: 'no_session' })
    expect(await alice.receive(bob, onItsWay)).toBe('on its way')
    await alice.startWith(bob)
    expect(await alice.ciphers.hasSession(bob.id, alice.state)).toBe(true)
    expect(await bob.receive(alice, await alice.send(bob, 'new session'))).toBe('new session')
    expect(await alice.receive(bob, await bob.send(alice, 'yes'))).toBe('yes')
  })

  it('keeps ten old sessions', async () => {
    const { alice, bob } = await testConversation('archive')
    const late: TestMessage[] = []
    for (let count = 0; count < SESSION_LIMITS.archivedSessionsMax + 2; count++) {
      late.push(await alice.send(bob, `old ${count}`))
      await alice.startWith(bob)
      await bob.receive(alice, await alice.send(bob, `fresh ${count}`))
    }
    const read = []
    for (const message of late) read.push(await bob.receive(alice, message))
    expect(read.slice(0, 2).every((text) => text.startsWith('<'))).toBe(true)
    expect(read.slice(3)).toEqual(late.slice(3).map((_, index) => `old ${index + 3}`))
  })

  it('forgets a revoked device on demand', async () => {
    const { alice, bob } = await testConversation('forget')
    alice.state.commit(alice.ciphers.forget(bob.id))
    expect(await alice.ciphers.hasSession(bob.id, alice.state)).toBe(false)
  })
})

describe('turns', () => {
  it('run operations on one device one after the other', async () => {
    const { alice, bob } = await testConversation('turns')
    const order: string[] = []
    const slow = {
      async get(key: string) {
        order.push('read')
        await new Promise((resolve) => setTimeout(resolve, 5))
        return alice.state.get(key)
      },
    }
    await Promise.all([1, 2, 3].map(async (number) => {
      await alice.ciphers.encryptFor(bob.id, utf8('x'), slow)
      order.push(`done ${number}`)
    }))
    expect(order).toEqual(['read', 'done 1', 'read', 'done 2', 'read', 'done 3'])
  })

  it('go on after a failure of the store, which is thrown as it is', async () => {
    const { alice, bob } = await testConversation('store')
    const broken = { get: () => Promise.reject(new Error('disk')) }
    await expect(alice.ciphers.encryptFor(bob.id, utf8('x'), broken)).rejects.toThrow('disk')
    const damaged = { get: () => Promise.resolve(utf8('\u0001{"not')) }
    await expect(alice.ciphers.encryptFor(bob.id, utf8('x'), damaged)).rejects.toMatchObject({ code: 'client.store' })
    const foreign = { get: () => Promise.resolve(utf8('?')) }
    await expect(alice.ciphers.encryptFor(bob.id, utf8('x'), foreign)).rejects.toMatchObject({ code: 'client.store' })
    expect(await bob.receive(alice, await alice.send(bob, 'fine'))).toBe('fine')
  })
})

describe('any interleaving', () => {
  it('of sends, losses, late, repeated and tampered deliveries, crashes and new sessions reads every delivered message once', async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), from: fc.nat(1) }) },
      { weight: 8, arbitrary: fc.record({ do: fc.constant('deliver' as const), to: fc.nat(1), pick: fc.nat(9) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), to: fc.nat(1), pick: fc.nat(9) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('replay' as const), to: fc.nat(1), pick: fc.nat(9) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('tamper' as const), to: fc.nat(1), pick: fc.nat(9), at: fc.nat(300) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), from: fc.nat(1) }) },
    )
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const { alice, bob } = await testConversation(`interleaving ${run++}`)
        const devices = [alice, bob] as const
        const waiting: [string, TestMessage][][] = [[], []]
        const read: [string, TestMessage][][] = [[], []]
        let number = 0
        const deviceAt = (index: number): TestDevice => (index === 0 ? devices[0] : devices[1])
        for (const action of steps) {
          if (action.do === 'send') {
            const text = `message ${number++}`
            waiting[1 - action.from]?.push([text, await deviceAt(action.from).send(deviceAt(1 - action.from), text)])
            continue
          }
          if (action.do === 'restart') {
            await deviceAt(action.from).startWith(deviceAt(1 - action.from))
            continue
          }
          const [to, from] = [deviceAt(action.to), deviceAt(1 - action.to)]
          const list = (action.do === 'replay' ? read : waiting)[action.to] ?? []
          const entry = list[action.pick % Math.max(1, list.length)]
          if (entry === undefined) continue
          const [text, message] = entry
          if (action.do === 'replay') expect(await to.open(from, message)).toEqual({ status: 'replayed' })
          else if (action.do === 'crash') expect((await to.open(from, message)).status).toBe('decrypted')
          else if (action.do === 'tamper') {
            const outcome = await to.open(from, flipped(message, action.at % message.bytes.length))
            // Only the registration id of a first message is outside of what is authenticated.
            if (outcome.status === 'decrypted') expect(textOf(outcome.plaintext)).toBe(text)
          } else {
            expect(await to.receive(from, message)).toBe(text)
            list.splice(list.indexOf(entry), 1)
            read[action.to]?.push(entry)
          }
        }
        for (const to of [0, 1]) {
          for (const [text, message] of waiting[to] ?? []) expect(await deviceAt(to).receive(deviceAt(1 - to), message)).toBe(text)
        }
      }),
      { numRuns: 30 },
    )
  }, 120_000)
})

describe('SessionCiphers', () => {
  it('has no session with a device that it never met', async () => {
    const { alice } = await testPair('never')
    const stranger = parseDeviceId('7'.repeat(32))
    alice.attestations.keys.set(stranger, alice.keys.identity.publicKey)
    expect(await alice.ciphers.hasSession(stranger, alice.state)).toBe(false)
    expect(await alice.ciphers.encryptFor(stranger, utf8('x'), alice.state)).toEqual({ status: 'no_session' })
    expect(await alice.ciphers.resetSession(stranger, alice.state)).toEqual({ puts: new Map(), deletes: new Set() })
  })

  it('starts no session from a bundle of an unattested device', async () => {
    const { alice, bob, attestations } = await testPair('unattested')
    const bundle = await verifyBundle(
      alice.signal, bob.bundle(), { identityKey: bob.keys.identity.publicKey, signingKey: bob.keys.signing.publicKey }, TEST_NOW_MS,
    )
    attestations.keys.delete(bob.id)
    expect(await alice.ciphers.startSession(bob.id, bundle, alice.state)).toEqual({ status: 'untrusted_identity' })
    expect(new SessionCiphers({ signal: alice.signal, local: alice.keys, attested: attestations })).toBeDefined()
  })
})
