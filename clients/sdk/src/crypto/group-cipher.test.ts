import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { bytesOfHex, concatBytes, hexOf, parseConversationId, parseDeviceId, textOf, utf8, type DeviceId } from '@evegram/protocol'
import { GroupCiphers, SENDER_KEY_LIMITS, type GroupDecryptOutcome } from './group-cipher.js'
import { synchronousPrimitives, type SignalPrimitives } from './primitives.js'
import { SeededRandom } from './seeded-random.js'
import { nextPlace } from './sender-key-chain.js'
import { encodeDistribution, parseDistribution, parseSenderKeyMessage, senderKeyMessageToSign, type SenderKeyDistribution } from './sender-key-message.js'
import { decodeOwnSenderKey, decodeReceived, encodeOwnSenderKey } from './sender-key-rows.js'
import type { Signal } from './signal.js'
import { loadSignal } from './load-signal.js'
import { MemorySignalState, SIGNAL_KEYS } from './stores.js'

const GROUP = parseConversationId('a'.repeat(32))
const device = (index: number): DeviceId => parseDeviceId(index.toString(16).padStart(32, '0'))
const [ALICE, BOB, CAROL] = [device(1), device(2), device(3)]
const HOUR_MS = 3_600_000

let signal: Signal
let random: SeededRandom

beforeAll(async () => {
  random = new SeededRandom('group cipher')
  signal = await loadSignal({ random, primitives: synchronousPrimitives })
})

/** One device of the group: its ciphers, its store, and everything it may commit. */
class Member {
  readonly ciphers: GroupCiphers
  readonly state = new MemorySignalState()

  constructor(readonly device: DeviceId, using: Signal = signal) {
    this.ciphers = new GroupCiphers({ signal: using, random })
  }

  /** Prepares for `devices` at `version` and gives the chain to those members that lack it. */
  async prepare(members: readonly Member[], version = 1, nowMs = 0): Promise<{ rotated: boolean; given: readonly DeviceId[]; distribution: Uint8Array }> {
    const devices = members.map((member) => member.device)
    const { rotated, lacking, distribution, changes } = await this.ciphers.prepare({ conversation: GROUP, membershipVersion: version, devices }, this.state, nowMs)
    this.state.commit(changes)
    this.state.commit(await this.ciphers.given(GROUP, lacking, this.state))
    for (const member of members) if (lacking.includes(member.device)) await member.take(this, distribution, version)
    return { rotated, given: lacking, distribution }
  }

  async take(from: Member, distribution: Uint8Array, version = 1): Promise<string> {
    const outcome = await this.ciphers.accept(GROUP, from.device, version, distribution, this.state)
    if (outcome.status === 'accepted') this.state.commit(outcome.changes)
    return outcome.status
  }

  async say(text: string): Promise<Uint8Array> {
    const outcome = await this.ciphers.encrypt(GROUP, utf8(text), this.state)
    if (outcome.status !== 'encrypted') throw new Error(outcome.status)
    this.state.commit(outcome.changes)
    return outcome.bytes
  }

  open(from: Member, bytes: Uint8Array): Promise<GroupDecryptOutcome> {
    return this.ciphers.decrypt(GROUP, from.device, bytes, this.state)
  }

  /** The text, or the status in angle brackets. Commits. */
  async read(from: Member, bytes: Uint8Array): Promise<string> {
    const outcome = await this.open(from, bytes)
    if (outcome.status !== 'decrypted') return `<${outcome.status}>`
    this.state.commit(outcome.changes)
    return textOf(outcome.plaintext)
  }
}

const trio = (): readonly [Member, Member, Member] => [new Member(ALICE), new Member(BOB), new Member(CAROL)]
const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

describe('a sender key', () => {
  it('lets every holder read one and the same ciphertext', async () => {
    const [alice, bob, carol] = trio()
    await alice.prepare([bob, carol])
    for (const text of ['', 'one', 'x'.repeat(5_000)]) {
      const bytes = await alice.say(text)
      expect(await bob.read(alice, bytes)).toBe(text)
      expect(await carol.read(alice, bytes)).toBe(text)
    }
  })

  it('tells nothing to a device that was not given it', async () => {
    const [alice, bob, carol] = trio()
    await alice.prepare([bob])
    expect(await carol.read(alice, await alice.say('secret'))).toBe('<no_sender_key>')
  })

  it('is its sender\'s alone: under another device\'s name it is unknown', async () => {
    const [alice, bob, carol] = trio()
    await alice.prepare([bob])
    await carol.prepare([bob])
    expect(await bob.read(carol, await alice.say('hi'))).toBe('<no_sender_key>')
  })

  it('reads what comes later only: who joins gets the chain where it stands', async () => {
    const [alice, bob, carol] = trio()
    await alice.prepare([bob])
    const before = await alice.say('before carol')
    expect(await alice.prepare([bob, carol])).toMatchObject({ rotated: false, given: [CAROL] })
    const after = await alice.say('after')
    // Not a replay: it never had what opens this, and asks the sender, who knows whom it was for.
    expect(await carol.read(alice, before)).toBe('<no_sender_key>')
    expect(await carol.read(alice, after)).toBe('after')
    expect([await bob.read(alice, before), await bob.read(alice, after)]).toEqual(['before carol', 'after'])
  })

  it('does not exist before it was prepared', async () => {
    expect(await new Member(ALICE).ciphers.encrypt(GROUP, utf8('x'), new MemorySignalState())).toEqual({ status: 'no_sender_key' })
  })
})

describe('rotation', () => {
  it('happens when a device goes: what it held opens nothing of what follows, byte by byte', async () => {
    const [alice, bob, carol] = trio()
    const { distribution } = await alice.prepare([bob, carol])
    expect(await carol.read(alice, await alice.say('all'))).toBe('all')
    expect(await alice.prepare([bob])).toMatchObject({ rotated: true, given: [BOB] })
    const bytes = await alice.say('without carol')
    expect(await carol.read(alice, bytes)).toBe('<no_sender_key>')
    // Even under the name of the old chain, and whatever iteration it claims.
    const { distribution: name, chainId } = parseDistribution(distribution)
    const parsed = parseSenderKeyMessage(bytes)
    expect([hexOf(parsed.distribution), parsed.chainId]).not.toEqual([hexOf(name), chainId])
    const forged = Uint8Array.from(bytes)
    forged.set(name, 3)
    expect(['<bad_signature>', '<no_sender_key>']).toContain(await carol.read(alice, forged))
    expect(await bob.read(alice, bytes)).toBe('without carol')
  })

  it('happens when a device goes that asked for a message: it may have had the chain all the same', async () => {
    const [alice, bob, carol] = trio()
    await alice.prepare([bob, carol])
    alice.state.commit(await alice.ciphers.lost(GROUP, [CAROL], alice.state))
    expect(await alice.prepare([bob])).toMatchObject({ rotated: true, given: [BOB] })
    expect(await carol.read(alice, await alice.say('without carol'))).toBe('<no_sender_key>')
  })

  it('happens with every version of the membership, after long use and with age; otherwise the chain stays', async () => {
    const [alice, bob] = trio()
    const rotated = async (version: number, nowMs: number): Promise<boolean> => (await alice.prepare([bob], version, nowMs)).rotated
    expect(await rotated(1, 0)).toBe(true)
    expect(await rotated(1, HOUR_MS)).toBe(false)
    expect(await rotated(2, HOUR_MS)).toBe(true)
    expect(await rotated(2, HOUR_MS + SENDER_KEY_LIMITS.ageMsMax)).toBe(false)
    expect(await rotated(2, HOUR_MS + SENDER_KEY_LIMITS.ageMsMax + 1)).toBe(true)
    const nowMs = HOUR_MS + SENDER_KEY_LIMITS.ageMsMax + 1
    for (let sent = 0; sent < SENDER_KEY_LIMITS.messagesMax; sent++) {
      if (sent === SENDER_KEY_LIMITS.messagesMax - 1) expect(await rotated(2, nowMs)).toBe(false)
      await alice.say('x')
    }
    expect(await rotated(2, nowMs)).toBe(true)
  })

  it('gives the chain again to a device that lost it', async () => {
    const [alice, bob, carol] = trio()
    await alice.prepare([bob, carol])
    alice.state.commit(await alice.ciphers.lost(GROUP, [BOB], alice.state))
    expect(await alice.prepare([bob, carol])).toMatchObject({ rotated: false, given: [BOB] })
    expect(await bob.read(alice, await alice.say('again'))).toBe('again')
  })
})

describe('a hostile server', () => {
  it('can change no byte, repeat nothing and mix up nothing', async () => {
    const [alice, bob] = trio()
    await alice.prepare([bob])
    const [first, second] = [await alice.say('first'), await alice.say('second')]
    const before = bob.state.snapshot()
    for (let at = 0; at < first.length; at++) expect((await bob.open(alice, flipped(first, at))).status).not.toBe('decrypted')
    for (const cut of [0, 1, 65, first.length - 1]) expect((await bob.open(alice, first.slice(0, cut))).status).not.toBe('decrypted')
    expect(bob.state.snapshot()).toEqual(before)
    expect(await bob.read(alice, second)).toBe('second')
    expect(await bob.read(alice, first)).toBe('first')
    expect([await bob.read(alice, first), await bob.read(alice, second)]).toEqual(['<replayed>', '<replayed>'])
  })

  it('cannot make a device count for ever: a signature is checked before the chain moves, and jumps are bounded', async () => {
    let steps = 0
    const counted: SignalPrimitives = { ...synchronousPrimitives, hmacSha256: (key, data) => { steps += 1; return synchronousPrimitives.hmacSha256(key, data) } }
    const reader = await loadSignal({ random, primitives: counted })
    const alice = new Member(ALICE)
    const bob = new Member(BOB, reader)
    await alice.prepare([bob])
    const message = parseSenderKeyMessage(await alice.say('x'))
    // The server claims that 20,000 messages come before: within the bound, and signed by nobody.
    const far = concatBytes(senderKeyMessageToSign({ ...message, iteration: 20_000 }), message.signature)
    steps = 0
    expect(await bob.open(alice, far)).toEqual({ status: 'bad_signature' })
    expect(steps).toBe(0)
  })

  it('gets nothing out of noise', async () => {
    const [alice, bob] = trio()
    await alice.prepare([bob])
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (noise) => {
      expect((await bob.open(alice, noise)).status).not.toBe('decrypted')
      expect((await bob.ciphers.accept(GROUP, ALICE, 1, noise, bob.state)).status).toBe('malformed')
    }))
  })
})

describe('a hostile sender', () => {
  it('can neither replace a chain under its name nor wind it back', async () => {
    const [alice, bob] = trio()
    const { distribution } = await alice.prepare([bob])
    const value = parseDistribution(distribution)
    const other = await signal.generateKeyPair()
    const changed = (part: Partial<SenderKeyDistribution>): Uint8Array => encodeDistribution({ ...value, ...part })
    expect(await bob.take(alice, changed({ signingKey: other.publicKey }))).toBe('conflict')
    expect(await bob.take(alice, changed({ chainId: 5 }))).toBe('conflict')
    expect(await bob.take(alice, distribution, 2)).toBe('conflict')
    const bytes = await alice.say('once')
    expect(await bob.read(alice, bytes)).toBe('once')
    expect(await bob.take(alice, distribution)).toBe('known')
    expect(await bob.read(alice, bytes)).toBe('<replayed>')
  })

  it('is held to keys that keep a secret and to messages of the right form', async () => {
    const [alice, bob] = trio()
    const { distribution } = await alice.prepare([bob])
    const value = parseDistribution(distribution)
    const low = new Uint8Array(33)
    low[0] = 5
    expect(await bob.take(alice, encodeDistribution({ ...value, signingKey: low }))).toBe('low_order_key')
    for (const bad of [{ distribution: new Uint8Array(15) }, { chainKey: new Uint8Array(31) }, { signingKey: new Uint8Array(32) }]) {
      expect(await bob.take(alice, encodeDistribution({ ...value, ...bad }))).toBe('malformed')
    }
  })

  it('fills no store: a device keeps few chains, and few keys of skipped messages', async () => {
    const [alice, bob] = trio()
    const sent: Uint8Array[] = []
    for (let version = 1; version <= SENDER_KEY_LIMITS.statesMax + 1; version++) {
      await alice.prepare([bob], version)
      sent.push(await alice.say(`version ${String(version)}`))
    }
    expect([...bob.state.snapshot().keys()].filter((key) => key.startsWith('signal/sender-key/'))).toHaveLength(SENDER_KEY_LIMITS.statesMax)
    const [oldest, ...others] = sent
    expect(await bob.read(alice, oldest ?? new Uint8Array(0))).toBe('<no_sender_key>')
    for (const bytes of others) expect(await bob.read(alice, bytes)).toMatch(/^version/)
    bob.state.commit(await bob.ciphers.forget(GROUP, ALICE, bob.state))
    expect([...bob.state.snapshot().keys()]).toEqual([])
  })
})

describe('messages out of order', () => {
  it('are all read, each once, in any order', async () => {
    await fc.assert(fc.asyncProperty(fc.shuffledSubarray(Array.from({ length: 12 }, (_, index) => index), { minLength: 12 }), async (order) => {
      const [alice, bob] = trio()
      await alice.prepare([bob])
      const sent: Uint8Array[] = []
      for (let index = 0; index < 12; index++) sent.push(await alice.say(`m${String(index)}`))
      for (const index of order) expect(await bob.read(alice, sent[index] ?? new Uint8Array(0))).toBe(`m${String(index)}`)
      for (const bytes of sent) expect(await bob.read(alice, bytes)).toBe('<replayed>')
    }), { numRuns: 8 })
  })

  it('are refused past the bounds: too far ahead, or skipped so long ago that the key is gone', async () => {
    const [alice, bob] = trio()
    const { distribution } = await alice.prepare([bob])
    const early = await alice.say('early')
    // The own chain is moved on without encrypting, so that the test does not sign 25,000 messages.
    const ahead = async (jumps: number): Promise<Uint8Array> => {
      const member = new Member(ALICE)
      for (const [key, hex] of alice.state.snapshot()) member.state.commit({ puts: new Map([[key, bytesOfHex(hex)]]), deletes: new Set() })
      const row = await member.state.get(SIGNAL_KEYS.ownSenderKey(GROUP))
      let own = decodeOwnSenderKey(row ?? new Uint8Array(0))
      while (own.iteration < jumps) own = { ...own, ...await nextPlace(synchronousPrimitives, own) }
      member.state.commit({ puts: new Map([[SIGNAL_KEYS.ownSenderKey(GROUP), encodeOwnSenderKey(own)]]), deletes: new Set() })
      return member.say(`at ${String(jumps)}`)
    }
    expect(await bob.read(alice, await ahead(SENDER_KEY_LIMITS.forwardJumpsMax + 1))).toBe('<too_far_ahead>')
    expect(await bob.read(alice, await ahead(SENDER_KEY_LIMITS.messageKeysMax + 10))).toBe(`at ${String(SENDER_KEY_LIMITS.messageKeysMax + 10)}`)
    expect(await bob.read(alice, early)).toBe('<replayed>')
    const name = hexOf(parseDistribution(distribution).distribution)
    const row = await bob.state.get(SIGNAL_KEYS.senderKey(GROUP, ALICE, name))
    expect(decodeReceived(row ?? new Uint8Array(0)).skipped.size).toBe(SENDER_KEY_LIMITS.messageKeysMax)
    expect(await bob.read(alice, await ahead(SENDER_KEY_LIMITS.messageKeysMax + 9))).toMatch(/^at/)
  })
})
