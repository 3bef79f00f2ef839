import { describe, expect, it } from 'vitest'
import { bytesOfHex, textOf, utf8, type DeviceId, type Random } from '@evegram/protocol'
import {
  generateDevice, generateOneTimePreKeys, MemorySignalState, parsePreKeyMessage, parseSessionMessage, PREKEY_MESSAGE, rotateSignedPreKey,
  SESSION_LIMITS, SESSION_MESSAGE, SessionCiphers, SIGNAL_KEYS, verifyBundle,
  type AttestedKeys, type DeviceKeys, type OneTimePreKey, type PreKeyBundle, type Signal, type SignalMessageType, type SignedPreKey,
} from '@evegram/sdk/parts'
import { SimRandom } from '../kernel/random.js'
import { loadRealSignal } from './load-real-signal.js'
import { createStandInSignal } from './stand-in-signal.js'

const NOW_MS = 1_790_000_000_000
const DEVICES = 3

type Implementation = (random: Random) => Signal | Promise<Signal>
const IMPLEMENTATIONS: readonly Implementation[] = [createStandInSignal, loadRealSignal]

interface Sent {
  readonly from: number
  readonly to: number
  readonly text: string
  readonly type: SignalMessageType
  readonly bytes: Uint8Array
}

interface Device {
  readonly signal: Signal
  readonly keys: DeviceKeys
  ciphers: SessionCiphers
  state: MemorySignalState
  /** An earlier state, as a backup of the whole disk would have it. */
  backup: ReadonlyMap<string, string>
  readonly signed: SignedPreKey[]
  readonly oneTime: OneTimePreKey[]
}

/** Three devices of one implementation that attest each other. Every method tells what happened in words that do not depend on keys. */
class Party {
  readonly devices: Device[] = []
  readonly attested = new Map<DeviceId, Uint8Array>()

  static async make(implementation: Implementation, seed: string): Promise<Party> {
    const party = new Party()
    for (let index = 0; index < DEVICES; index++) {
      const random = new SimRandom(`${seed}/${index}`)
      const signal = await implementation(random)
      const keys = await generateDevice(signal, random)
      const [ciphers, state] = [party.#ciphers(signal, keys), new MemorySignalState()]
      const device = { signal, keys, ciphers, state, backup: new Map(), signed: [], oneTime: [] }
      party.devices.push(device)
      party.attest(index, index)
      await party.rotate(index)
      const { publicKeys, changes } = await generateOneTimePreKeys(signal, device.state, 6)
      device.state.commit(changes)
      party.at(index).oneTime.push(...publicKeys)
      party.at(index).backup = device.state.snapshot()
    }
    return party
  }

  #ciphers(signal: Signal, local: DeviceKeys): SessionCiphers {
    const attested: AttestedKeys = { identityKeyOf: (device) => this.attested.get(device) }
    return new SessionCiphers({ signal, local, attested })
  }

  at(index: number): Device {
    const device = this.devices[index]
    if (device === undefined) throw new Error('no such device')
    return device
  }

  idOf(index: number): DeviceId {
    return this.at(index).keys.device
  }

  /** The log of `index` names the identity key of `holder`, or nobody's. */
  attest(index: number, holder: number | undefined): void {
    if (holder === undefined) this.attested.delete(this.idOf(index))
    else this.attested.set(this.idOf(index), this.at(holder).keys.identity.publicKey)
  }

  async rotate(index: number): Promise<void> {
    const { signal, keys, state, signed } = this.at(index)
    const outcome = await rotateSignedPreKey(signal, keys, state, NOW_MS, true)
    if (outcome.status !== 'rotated') throw new Error('not rotated')
    state.commit(outcome.changes)
    signed.push(outcome.publicKey)
  }

  /** `again`: the server hands the same one-time prekey out twice. */
  bundle(index: number, again = false): PreKeyBundle {
    const { keys, signed, oneTime } = this.at(index)
    const oneTimePreKey = again ? oneTime[0] : oneTime.shift()
    const signedPreKey = signed.at(-1)
    if (signedPreKey === undefined) throw new Error('no signed prekey')
    const bundle = { device: keys.device, registrationId: keys.registrationId, identityKey: keys.identity.publicKey, signedPreKey }
    return oneTimePreKey === undefined ? bundle : { ...bundle, oneTimePreKey }
  }

  async start(from: number, to: number, bundle: PreKeyBundle): Promise<string> {
    const { ciphers, state } = this.at(from)
    // `verifyBundle` would refuse bad bundles first; here Signal itself must.
    const outcome = await ciphers.startSession(this.idOf(to), bundle as Parameters<SessionCiphers['startSession']>[1], state)
    if (outcome.status === 'started') state.commit(outcome.changes)
    return outcome.status
  }

  /** `commit` false: the program died before it stored what it had done. */
  async send(from: number, to: number, text: string, commit = true): Promise<{ readonly said: string; readonly sent?: Sent }> {
    const { ciphers, state } = this.at(from)
    const outcome = await ciphers.encryptFor(this.idOf(to), utf8(text), state)
    if (outcome.status !== 'encrypted') return { said: outcome.status }
    if (!commit) return { said: 'died' }
    state.commit(outcome.changes)
    return { said: frameOf(outcome.type, outcome.bytes), sent: { from, to, text, type: outcome.type, bytes: outcome.bytes } }
  }

  async receive(to: number, from: number, type: SignalMessageType, bytes: Uint8Array, commit = true): Promise<string> {
    const { ciphers, state } = this.at(to)
    const before = state.snapshot()
    const outcome = await ciphers.decrypt(this.idOf(from), type, bytes, state)
    if (outcome.status !== 'decrypted') {
      expect(state.snapshot()).toEqual(before)
      return outcome.status
    }
    if (commit) state.commit(outcome.changes)
    const deleted = [...outcome.changes.deletes].join()
    return `"${textOf(outcome.plaintext)}" ${[...outcome.changes.puts.keys()].length} ${deleted}`
  }

  async reset(from: number, to: number): Promise<string> {
    const { ciphers, state } = this.at(from)
    const changes = await ciphers.resetSession(this.idOf(to), state)
    state.commit(changes)
    return `${changes.puts.size}`
  }

  /** The program starts again with the rows of its disk, or with those of a backup. */
  restart(index: number, fromBackup: boolean): void {
    const device = this.at(index)
    const rows = device.state.snapshot()
    device.state = MemorySignalState.of(fromBackup ? device.backup : rows)
    device.backup = rows
    device.ciphers = this.#ciphers(device.signal, device.keys)
  }

  /** Who has an open session with whom. */
  async sessions(): Promise<string> {
    const open: string[] = []
    for (let from = 0; from < DEVICES; from++) {
      for (let to = 0; to < DEVICES; to++) {
        if (from !== to && (await this.at(from).ciphers.hasSession(this.idOf(to), this.at(from).state))) open.push(`${from}>${to}`)
      }
    }
    return open.join(' ')
  }
}

/** Everything in a frame but keys and ciphertext. */
function frameOf(type: SignalMessageType, bytes: Uint8Array): string {
  const outer = type === PREKEY_MESSAGE ? parsePreKeyMessage(bytes) : undefined
  const { counter, previousCounter, ciphertext } = parseSessionMessage(outer?.message ?? bytes)
  const ids = outer === undefined ? '' : ` ${outer.registrationId}/${outer.preKeyId}/${outer.signedPreKeyId}`
  return `${type} ${bytes.length} ${ciphertext.length} ${counter}/${previousCounter}${ids}`
}

function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const changed = bytes.slice()
  changed[at] = (changed[at] ?? 0) ^ mask
  return changed
}

type Act = (party: Party, which: number) => Promise<string>

interface Happening {
  readonly name: string
  readonly act: Act
}

/** What was sent, each message once for each party; those that nobody has taken yet, and the rest. */
class Traffic {
  readonly waiting: (readonly Sent[])[] = []
  readonly taken: (readonly Sent[])[] = []

  /** Mostly a message that waits, of those mostly an early one; else one that was taken before. Undefined when there is none. */
  draw(random: SimRandom): readonly Sent[] | undefined {
    const [late, again] = [Math.floor(random.skewed(1, 16)) - 1, random.chance(0.2)]
    const list = again ? this.taken : this.waiting
    const message = list[Math.min(late, list.length - 1)]
    if (message !== undefined && !again && random.chance(0.8)) this.taken.unshift(...this.waiting.splice(this.waiting.indexOf(message), 1))
    return message
  }
}

/** Draws the next thing that happens, for both parties alike. */
function drawHappening(random: SimRandom, traffic: Traffic, number: number): Happening {
  // Most of it between two devices, so that they get far in their conversation.
  const from = random.chance(0.8) ? random.between(0, 1) : random.between(0, DEVICES - 1)
  const to = from < 2 && random.chance(0.8) ? 1 - from : (from + random.between(1, DEVICES - 1)) % DEVICES
  const text = `${'x'.repeat(random.between(0, 40))} ${number}`
  const [other, place, mask, rare] = [random.between(0, DEVICES - 1), random.unit(), 1 << random.between(0, 7), random.chance(0.15)]
  const deliver = (name: string, change: (message: Sent) => Sent): Happening => {
    const pick = traffic.draw(random)
    const act: Act = async (party, which) => {
      const message = pick?.[which]
      if (message === undefined) return 'nothing'
      const changed = change(message)
      return changed.from === changed.to ? 'to itself' : party.receive(changed.to, changed.from, changed.type, changed.bytes, !rare)
    }
    return { name, act }
  }
  const once = (name: string, change: (party: Party) => void | Promise<void>): Happening => ({
    name,
    async act(party) {
      await change(party)
      return ''
    },
  })
  const draw = random.between(0, 99)
  if (draw < 36) {
    const pair: Sent[] = []
    const act: Act = async (party, which) => {
      let outcome = await party.send(from, to, text, !rare)
      const started = outcome.said === 'no_session' ? `${await party.start(from, to, party.bundle(to, rare))} ` : ''
      if (started !== '') outcome = await party.send(from, to, text)
      if (outcome.sent !== undefined) pair[which] = outcome.sent
      if (outcome.sent !== undefined && which === 1) traffic.waiting.push(pair)
      return `${started}${outcome.said}`
    }
    return { name: 'send', act }
  }
  if (draw < 74) return deliver('deliver', (message) => message)
  const at = (bytes: Uint8Array): number => Math.floor(place * bytes.length)
  const otherType = (type: SignalMessageType): SignalMessageType => (type === PREKEY_MESSAGE ? SESSION_MESSAGE : PREKEY_MESSAGE)
  if (draw < 79) return deliver('tamper', (message) => ({ ...message, bytes: flipped(message.bytes, at(message.bytes), mask) }))
  if (draw < 80) return deliver('cut', (message) => ({ ...message, bytes: message.bytes.slice(0, at(message.bytes)) }))
  if (draw < 81) return deliver('as another', (message) => ({ ...message, from: other }))
  if (draw < 82) return deliver('as the other type', (message) => ({ ...message, type: otherType(message.type) }))
  if (draw < 86) return { name: 'start', act: (party) => party.start(from, to, party.bundle(to, rare)) }
  if (draw < 88) return { name: 'reset', act: (party) => party.reset(from, to) }
  if (draw < 92) return once('restart', (party) => party.restart(from, rare))
  if (draw < 94) return once('attest', (party) => party.attest(from, rare ? undefined : other))
  if (draw < 97) return once('attest again', (party) => [0, 1, 2].forEach((index) => party.attest(index, index)))
  if (draw < 99) return once('rotate', (party) => party.rotate(from))
  return once('lose prekeys', (party) => party.at(from).state.commit({
    puts: new Map(), deletes: new Set([1, 2, 3].flatMap((id) => [SIGNAL_KEYS.signedPreKey(id), SIGNAL_KEYS.preKey(id)])),
  }))
}

describe('the stand-in beside libsignal', () => {
  it.each(Array.from({ length: 20 }, (_, seed) => [seed]))('answers as it does, step by step (seed %i)', async (seed) => {
    const parties = [await Party.make(createStandInSignal, `twin/${seed}`), await Party.make(loadRealSignal, `twin/${seed}`)] as const
    const random = new SimRandom(`twin/${seed}`)
    const traffic = new Traffic()
    for (let step = 0; step < 100; step++) {
      const { name, act } = drawHappening(random, traffic, step)
      const [ours, theirs] = [await act(parties[0], 0), await act(parties[1], 1)]
      expect(`${step} ${name}: ${ours}`).toBe(`${step} ${name}: ${theirs}`)
      if (step % 8 === 7) expect(await parties[0].sessions()).toBe(await parties[1].sessions())
    }
    // Everything once more at the end, the newest first.
    for (const pair of [...traffic.waiting, ...traffic.taken]) {
      const said: string[] = []
      for (const [which, { to, from, type, bytes }] of pair.entries()) said.push(await parties[which === 0 ? 0 : 1].receive(to, from, type, bytes))
      expect(said[0]).toBe(said[1])
    }
  }, 60_000)
})

describe.each(IMPLEMENTATIONS.map((implementation) => [implementation.name, implementation] as const))('%s', (_name, implementation) => {
  const pair = async (seed: string): Promise<Party> => {
    const party = await Party.make(implementation, seed)
    expect(await party.start(0, 1, party.bundle(1))).toBe('started')
    return party
  }
  const sendNow = async (party: Party, from: number, to: number, text: string): Promise<Sent> => {
    const { said, sent } = await party.send(from, to, text)
    if (sent === undefined) throw new Error(said)
    return sent
  }
  const receiveNow = (party: Party, { from, to, type, bytes }: Sent): Promise<string> => party.receive(to, from, type, bytes)

  it('makes prekeys that a peer verifies, and refuses those of another', async () => {
    const party = await Party.make(implementation, 'bundle')
    const { signal, keys } = party.at(1)
    const attested = { identityKey: keys.identity.publicKey, signingKey: keys.signing.publicKey }
    const bundle = party.bundle(1)
    expect((await verifyBundle(party.at(0).signal, bundle, attested, NOW_MS)).lastResort).toBe(false)
    const { signature } = party.bundle(2).signedPreKey
    await expect(verifyBundle(signal, { ...bundle, signedPreKey: { ...bundle.signedPreKey, signature } }, attested, NOW_MS))
      .rejects.toMatchObject({ code: 'e2ee.bundle_invalid', details: { check: 'identity signature' } })
    expect(await party.start(0, 1, { ...bundle, signedPreKey: { ...bundle.signedPreKey, signature } })).toBe('bad_signature')
    expect(await party.start(0, 1, { ...bundle, identityKey: party.at(2).keys.identity.publicKey })).toBe('untrusted_identity')
    for (const [hex, status] of [['00'.repeat(32), 'low_order_key'], ['ff'.repeat(32), 'malformed']] as const) {
      expect(await party.start(0, 1, { ...bundle, oneTimePreKey: { id: 1, publicKey: bytesOfHex(`05${hex}`) } })).toBe(status)
    }
    expect(await signal.verify(bytesOfHex(`05${'00'.repeat(32)}`), utf8('x'), new Uint8Array(64))).toBe(false)
    expect(await signal.verify(keys.identity.publicKey, utf8('x'), new Uint8Array(63))).toBe(false)
    await expect(signal.sign(new Uint8Array(31), utf8('x'))).rejects.toMatchObject({ code: 'invalid.argument' })
  })

  it('carries empty and large plaintexts', async () => {
    const party = await pair('sizes')
    for (const length of [0, 1, 15, 16, 17, 40_000]) {
      const text = 'e'.repeat(length)
      expect(await receiveNow(party, await sendNow(party, 0, 1, text))).toContain(`"${text}"`)
    }
  })

  it('keeps as many skipped keys, old chains and old sessions', async () => {
    const party = await pair('bounds')
    await receiveNow(party, await sendNow(party, 0, 1, 'first'))
    await receiveNow(party, await sendNow(party, 1, 0, 'answer'))
    const old = await sendNow(party, 0, 1, 'in the first chain')
    const late: Sent[] = []
    for (let turn = 0; turn < SESSION_LIMITS.oldChainsMax + 2; turn++) {
      late.push(await sendNow(party, 0, 1, `late ${turn}`))
      await receiveNow(party, await sendNow(party, 0, 1, 'ping'))
      await receiveNow(party, await sendNow(party, 1, 0, 'pong'))
    }
    const chains = [await receiveNow(party, old)]
    for (const message of late) chains.push(await receiveNow(party, message))
    const sessions: Sent[] = []
    for (let count = 0; count < SESSION_LIMITS.archivedSessionsMax + 2; count++) {
      sessions.push(await sendNow(party, 0, 1, `old session ${count}`))
      await party.start(0, 1, party.bundle(1))
      await receiveNow(party, await sendNow(party, 0, 1, 'fresh'))
    }
    const archived: string[] = []
    for (const message of sessions) archived.push(await receiveNow(party, message))
    // Both implementations must give these answers; the numbers are those of the real one.
    expect(chains.map((said) => said.startsWith('"'))).toEqual([false, ...late.map((_, index) => index > 0)])
    expect(archived.map((said) => said.startsWith('"'))).toEqual(sessions.map((_, index) => index > 1))
  }, 60_000)

  it('reads behind 1999 lost messages, and names the next one too far ahead', async () => {
    const party = await pair('skipped')
    await receiveNow(party, await sendNow(party, 0, 1, 'first'))
    await receiveNow(party, await sendNow(party, 1, 0, 'answer'))
    const messages: Sent[] = []
    for (let count = 0; count <= SESSION_LIMITS.skippedAheadMax; count++) messages.push(await sendNow(party, 0, 1, `n${count}`))
    const said: string[] = []
    for (const index of [2000, 1999, 2000, 7, 7]) {
      const message = messages[index]
      if (message !== undefined) said.push(await receiveNow(party, message))
    }
    expect(said).toEqual(['too_far_ahead', '"n1999" 1 ', '"n2000" 1 ', '"n7" 1 ', 'replayed'])
  }, 60_000)

  it('repeats itself for a seed', async () => {
    const run = async (): Promise<readonly (readonly [string, string])[]> => {
      const party = await pair('same')
      await receiveNow(party, await sendNow(party, 0, 1, 'one'))
      await receiveNow(party, await sendNow(party, 1, 0, 'two'))
      return party.devices.flatMap(({ state }) => [...state.snapshot()])
    }
    expect(await run()).toEqual(await run())
  })
})
