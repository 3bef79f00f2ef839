import { describe, expect, it } from 'vitest'
import { parseDeviceId, utf8 } from '@evegram/protocol'
import {
  generateDevice, generateOneTimePreKeys, MemorySignalState, rotateSignedPreKey, SessionCiphers, verifyBundle, type Signal,
} from '@evegram/sdk/parts'
import { closeTheWorld } from '../kernel/guard.js'
import { SimRandom } from '../kernel/random.js'
import { loadRealSignal } from './load-real-signal.js'
import { createStandInSignal } from './stand-in-signal.js'

const NOW_MS = 1_790_000_000_000

/** Everything that a device does, in a world without time, timers, I/O and other randomness; resolves every row that was written. */
async function conversation(signals: readonly [Signal, Signal], seed: string): Promise<readonly (readonly [string, string])[]> {
  const attested = new Map<string, Uint8Array>()
  const devices = await Promise.all(signals.map(async (signal, index) => {
    const keys = await generateDevice(signal, new SimRandom(`${seed}/device/${index}`))
    attested.set(keys.device, keys.identity.publicKey)
    const ciphers = new SessionCiphers({ signal, local: keys, attested: { identityKeyOf: (device) => attested.get(device) } })
    return { signal, keys, ciphers, state: new MemorySignalState() }
  }))
  const [alice, bob] = devices
  if (alice === undefined || bob === undefined) throw new Error('two devices')
  const rotation = await rotateSignedPreKey(bob.signal, bob.keys, bob.state, NOW_MS)
  const oneTime = await generateOneTimePreKeys(bob.signal, bob.state, 1)
  const [oneTimePreKey] = oneTime.publicKeys
  if (rotation.status !== 'rotated' || oneTimePreKey === undefined) throw new Error('prekeys')
  bob.state.commit(rotation.changes)
  bob.state.commit((await generateOneTimePreKeys(bob.signal, bob.state, 1)).changes)
  const { device, registrationId, identity, signing } = bob.keys
  const bundle = { device, registrationId, identityKey: identity.publicKey, signedPreKey: rotation.publicKey }
  const verified = await verifyBundle(alice.signal, bundle, { identityKey: identity.publicKey, signingKey: signing.publicKey }, NOW_MS)
  const started = await alice.ciphers.startSession(device, verified, alice.state)
  if (started.status !== 'started') throw new Error(started.status)
  alice.state.commit(started.changes)
  for (let turn = 0; turn < 4; turn++) {
    const [from, to] = turn % 2 === 0 ? [alice, bob] : [bob, alice]
    const sent = await from.ciphers.encryptFor(to.keys.device, utf8(`turn ${turn}`), from.state)
    if (sent.status !== 'encrypted') throw new Error(sent.status)
    from.state.commit(sent.changes)
    const tampered = sent.bytes.slice()
    tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1
    expect(await to.ciphers.decrypt(from.keys.device, sent.type, tampered, to.state)).toEqual({ status: 'bad_mac' })
    const read = await to.ciphers.decrypt(from.keys.device, sent.type, sent.bytes, to.state)
    if (read.status !== 'decrypted') throw new Error(read.status)
    to.state.commit(read.changes)
  }
  alice.state.commit(await alice.ciphers.resetSession(device, alice.state))
  expect(await alice.ciphers.hasSession(parseDeviceId('7'.repeat(32)), alice.state)).toBe(false)
  return devices.flatMap(({ state }) => [...state.snapshot()])
}

describe.each([
  ['createStandInSignal', createStandInSignal],
  ['loadRealSignal', loadRealSignal],
] as const)('%s', (_name, load) => {
  it('needs nothing of the world once it is loaded, completes on promises alone, and repeats itself for a seed', async () => {
    const run = async (seed: string): Promise<{ readonly rows: unknown; readonly touched: readonly string[]; readonly settled: boolean }> => {
      const signals = [await load(new SimRandom(`${seed}/0`)), await load(new SimRandom(`${seed}/1`))] as const
      const touched: string[] = []
      let settled = false
      let afterPromises: Promise<void> | undefined
      const turn = setImmediate
      const open = closeTheWorld((what) => touched.push(what), new SimRandom(`${seed}/blinding`))
      try {
        const done = conversation(signals, seed).finally(() => (settled = true))
        // A turn of the event loop comes after all reactions of promises: what needs more than these is not done by then.
        afterPromises = new Promise((resolve) => turn(resolve))
        await Promise.race([done, afterPromises])
        const inTime = settled
        return { rows: await done, touched, settled: inTime }
      } finally {
        open()
      }
    }
    const [first, second, other] = [await run('a'), await run('a'), await run('b')]
    expect([first.touched, first.settled]).toEqual([[], true])
    expect(second).toEqual(first)
    expect(other.rows).not.toEqual(first.rows)
  })
})
