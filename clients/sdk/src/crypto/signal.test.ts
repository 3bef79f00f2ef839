import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { isEvegramError } from '@evegram/protocol'
import { nodePrimitives } from '../node/signal-primitives.js'
import { hardenSignal } from './harden-signal.js'
import { portablePrimitives, synchronousPrimitives, type SignalPrimitives } from './primitives.js'
import { SeededRandom } from './seeded-random.js'
import { importLibrary, listenerHost } from './signal-library.js'
import { loadSignal } from './load-signal.js'
import { createRepairs, equalInConstantTime, REPAIR_NAMES, type RepairName } from './signal-repairs.js'
import { refusalOf } from './signal-refusal.js'
import { runSelfTest } from './signal-self-test.js'
import { TurnGate } from './signal-turn.js'
import { TestAttestations, TestDevice, testPair } from './test-device.js'

const ALL_PRIMITIVES: readonly SignalPrimitives[] = [portablePrimitives, synchronousPrimitives, nodePrimitives]

/** The check that failed when the library is loaded with `names` only, or undefined when it loaded. */
async function failedCheck(names: readonly RepairName[], primitives: SignalPrimitives = synchronousPrimitives): Promise<unknown> {
  try {
    await hardenSignal(await importLibrary(), { random: new SeededRandom('repairs'), primitives }, names)
    return undefined
  } catch (error) {
    if (!isEvegramError(error, 'e2ee.self_test')) throw error
    return error.details?.['check']
  }
}

/** Like the bundled C code: answers zeros for a point of low order instead of throwing. */
const lenientPrimitives: SignalPrimitives = {
  ...synchronousPrimitives,
  name: 'lenient',
  x25519SharedSecret(privateKey, publicKey) {
    try {
      return synchronousPrimitives.x25519SharedSecret(privateKey, publicKey)
    } catch {
      return new Uint8Array(32)
    }
  },
}

describe('the hardened Signal library', () => {
  it.each(ALL_PRIMITIVES.map((primitives) => [primitives.name, primitives] as const))('passes its self-test on %s', async (_name, primitives) => {
    await expect(loadSignal({ random: new SeededRandom('load'), primitives })).resolves.toBeDefined()
  })

  it.each([
    ['identity_trust', 'first message of a changed identity'],
    ['public_keys', 'all-zero and low-order keys'],
    ['message_authentication', 'message after a late one'],
    ['session_records', 'bound of old chains'],
    ['session_lock', 'session lock'],
    ['process_listeners', 'process listeners'],
    ['randomness', 'randomness'],
  ] as const)('refuses to load without the repair %s', async (name, check) => {
    expect(await failedCheck(REPAIR_NAMES.filter((other) => other !== name), lenientPrimitives)).toBe(check)
    expect(await failedCheck(REPAIR_NAMES, lenientPrimitives)).toBeUndefined()
  })

  it('refuses to load with no repair at all', async () => {
    expect(await failedCheck([])).toBe('all-zero and low-order keys')
    expect(await failedCheck(REPAIR_NAMES)).toBeUndefined()
  })

  it('refuses to load a library that does not compare the MAC, as version 0.0.18 of another fork does not', async () => {
    const library = createRequire(import.meta.url)('libsignal-protocol-typescript/lib/internal/crypto.js') as { verifyMAC: unknown }
    const { verifyMAC } = library
    const names = REPAIR_NAMES.filter((name) => name !== 'message_authentication')
    library.verifyMAC = () => Promise.resolve()
    try {
      expect(await failedCheck(names)).toBe('tampered MAC of a first message')
      // With our own check in front, the missing one does no harm.
      expect(await failedCheck(REPAIR_NAMES)).toBeUndefined()
    } finally {
      library.verifyMAC = verifyMAC
    }
  })

  it('refuses to load a library whose MAC does not cover the ciphertext', async () => {
    const primitives: SignalPrimitives = { ...synchronousPrimitives, name: 'constant MAC', hmacSha256: withoutMac }
    await expect(loadSignal({ random: new SeededRandom('mac'), primitives })).rejects.toMatchObject({
      code: 'e2ee.self_test',
      details: { check: 'tampered ciphertext' },
    })
  })

  it('refuses calls of a library object whose repairs were taken back after it was loaded', async () => {
    const { alice, bob } = await testPair('taken back')
    expect(await failedCheck(REPAIR_NAMES.filter((name) => name !== 'identity_trust'))).toBeDefined()
    await expect(alice.startWith(bob)).rejects.toMatchObject({ code: 'e2ee.self_test', details: { check: 'identity_trust' } })
    expect(await failedCheck(REPAIR_NAMES)).toBeUndefined()
    await alice.startWith(bob)
  })

  it('fails closed when its arithmetic is broken', async () => {
    const zero: SignalPrimitives = { ...synchronousPrimitives, name: 'zero', x25519SharedSecret: () => new Uint8Array(32) }
    await expect(loadSignal({ random: new SeededRandom('zero'), primitives: zero })).rejects.toMatchObject({ code: 'e2ee.self_test' })
    const throwing: SignalPrimitives = { ...synchronousPrimitives, name: 'throwing', hmacSha256: () => { throw new Error('broken') } }
    await expect(loadSignal({ random: new SeededRandom('throw'), primitives: throwing })).rejects.toMatchObject({ code: 'e2ee.self_test' })
  })

  it('says that a method to repair is missing rather than going on without it', async () => {
    const library = await importLibrary()
    class Empty {}
    // A class without the methods is what a changed library would bring; its type cannot say so.
    const stripped = { ...library, SessionBuilder: Empty as unknown as typeof library.SessionBuilder }
    expect(() => createRepairs(stripped, new TurnGate())).toThrow(expect.objectContaining({ code: 'e2ee.self_test' }))
  })

  it('removes the two listeners that the import put on the process, and no other', async () => {
    const own = (): void => undefined
    process.on('unhandledRejection', own)
    try {
      const { addedListeners } = await importLibrary()
      await loadSignal({ random: new SeededRandom('listeners') })
      expect(addedListeners.map(({ event }) => event).sort()).toEqual(['uncaughtException', 'unhandledRejection'])
      for (const { event, listener } of addedListeners) expect(listenerHost()?.listeners(event)).not.toContain(listener)
      expect(process.listeners('unhandledRejection')).toContain(own)
    } finally {
      process.removeListener('unhandledRejection', own)
    }
  })

  it('remembers nothing of an operation after it: no lock grows', async () => {
    const { SessionLock } = await importLibrary()
    const { alice, bob } = await testPair('lock')
    await alice.startWith(bob)
    for (let count = 0; count < 50; count++) await alice.send(bob, 'again')
    expect(SessionLock._promises).toHaveLength(0)
    expect(SessionLock.errors).toHaveLength(0)
  })

  it('gives the same bytes on every arithmetic when the randomness is the same', async () => {
    const transcripts: string[][] = []
    for (const primitives of ALL_PRIMITIVES) {
      const attestations = new TestAttestations()
      const alice = await TestDevice.make('same/alice', attestations, { primitives })
      const bob = await TestDevice.make('same/bob', attestations, { primitives })
      await alice.startWith(bob)
      const first = await alice.send(bob, 'one')
      await bob.receive(alice, first)
      const second = await bob.send(alice, 'two')
      await alice.receive(bob, second)
      const third = await alice.send(bob, 'three')
      transcripts.push([first, second, third].map(({ bytes }) => Buffer.from(bytes).toString('hex')), [...alice.state.snapshot().values()])
    }
    expect(transcripts[2]).toEqual(transcripts[0])
    expect(transcripts[3]).toEqual(transcripts[1])
    expect(transcripts[4]).toEqual(transcripts[0])
    expect(transcripts[5]).toEqual(transcripts[1])
  })

  it('draws for each client from the randomness of that client, also when calls overlap', async () => {
    const run = async (overlap: boolean): Promise<readonly string[]> => {
      const attestations = new TestAttestations()
      const devices = await Promise.all(['a', 'b', 'c'].map((seed) => TestDevice.make(`own/${seed}`, attestations, { primitives: portablePrimitives })))
      const target = await TestDevice.make('own/target', attestations, { primitives: portablePrimitives })
      if (overlap) await Promise.all(devices.map((device) => device.startWith(target)))
      else for (const device of devices) await device.startWith(target)
      return devices.flatMap((device) => [...device.state.snapshot().values()])
    }
    expect(await run(true)).toEqual(await run(false))
  })

  it('waits for nothing but itself on synchronous primitives: a simulator needs no timers for it', async () => {
    const { alice, bob } = await testPair('microtasks')
    let text: string | undefined
    const conversation = async (): Promise<void> => {
      await alice.startWith(bob)
      text = await bob.receive(alice, await alice.send(bob, 'at once'))
    }
    const running = conversation()
    // Only the microtask queue runs here: input, output and threads would not get a turn.
    for (let turn = 0; turn < 5_000 && text === undefined; turn++) await Promise.resolve()
    expect(text).toBe('at once')
    await running
  })

  it('signs with XEdDSA and takes no bad signature for a good one', async () => {
    const signal = await loadSignal({ random: new SeededRandom('xeddsa'), primitives: synchronousPrimitives })
    const { publicKey, privateKey } = await signal.generateKeyPair()
    const message = new Uint8Array([1, 2, 3])
    const signature = await signal.sign(privateKey, message)
    expect(signature).toHaveLength(64)
    expect(await signal.verify(publicKey, message, signature)).toBe(true)
    for (let bit = 0; bit < 512; bit += 37) {
      const bad = signature.slice()
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await signal.verify(publicKey, message, bad)).toBe(false)
    }
    expect(await signal.verify(publicKey, new Uint8Array([1, 2, 4]), signature)).toBe(false)
    expect(await signal.verify(publicKey.subarray(1), message, signature)).toBe(false)
    expect(await signal.verify(new Uint8Array(33), message, signature)).toBe(false)
    expect(await signal.verify(publicKey, message, signature.subarray(1))).toBe(false)
    await expect(signal.sign(new Uint8Array(31), message)).rejects.toMatchObject({ code: 'invalid.argument' })
  })

  it('knows what the errors of the library mean', () => {
    expect(refusalOf(new Error('Identity key changed'))).toBe('untrusted_identity')
    expect(refusalOf(new Error('Over 2000 messages into the future!'))).toBe('too_far_ahead')
    expect(refusalOf(new Error('No record for device x.1'))).toBe('no_session')
    expect(refusalOf(new Error('Missing Signed PreKey for PreKeyWhisperMessage'))).toBe('missing_prekey')
    expect(refusalOf(new Error('Invalid signature'))).toBe('bad_signature')
    expect(refusalOf(new Error('disk full'))).toBeUndefined()
    expect(refusalOf('text')).toBeUndefined()
  })

  it('compares MACs of every pair of differing bytes as different', () => {
    const mac = new Uint8Array(8).fill(7)
    for (let index = 0; index < 8; index++) {
      const other = mac.slice()
      other[index] = 8
      expect(equalInConstantTime(mac, other)).toBe(false)
    }
    expect(equalInConstantTime(mac, mac.slice())).toBe(true)
    expect(equalInConstantTime(mac, mac.subarray(1))).toBe(false)
  })
})

/** HMAC, except for the MAC of messages (their input starts with an identity key): there always the same. */
function withoutMac(key: Uint8Array, data: Uint8Array): Uint8Array {
  const ofMessage = data.length > 67 && data[0] === 5 && data[33] === 5 && data[66] === 0x33
  if (!ofMessage) return Uint8Array.from(synchronousHmac(key, data))
  return new Uint8Array(32)
}

function synchronousHmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  const mac = synchronousPrimitives.hmacSha256(key, data)
  if (mac instanceof Promise) throw new Error('synchronous primitives answered later')
  return mac
}

describe('runSelfTest', () => {
  it('turns an unexpected failure into e2ee.self_test too', async () => {
    const library = await importLibrary()
    await expect(runSelfTest(library, () => { throw new Error('no library') }, synchronousPrimitives)).rejects.toMatchObject({
      code: 'e2ee.self_test',
      details: { check: 'unexpected' },
    })
  })
})
