import { concatBytes, equalBytes, EvegramError, hexOf, type ConversationId, type DeviceId, type Random } from '@evegram/protocol'
import { KeyedTurns } from '../core/turns.js'
import { messageKeyOf, nextPlace, seedAt, type ChainPlace } from './sender-key-chain.js'
import { encodeDistribution, parseDistribution, parseSenderKeyMessage, senderKeyMessageToSign, type ParsedSenderKeyMessage } from './sender-key-message.js'
import {
  decodeDistributions, decodeHolders, decodeOwnSenderKey, decodeReceived, encodeDistributions, encodeHolders, encodeOwnSenderKey, encodeReceived,
  type OwnSenderKey, type ReceivedSenderKey, type SenderKeyHolders,
} from './sender-key-rows.js'
import type { Signal } from './signal.js'
import { refusalOf, SignalRefusal } from './signal-refusal.js'
import { SIGNAL_KEYS, StagedRows, type ChangeSet, type SignalState } from './stores.js'

/** Bounds of sender keys, units last. The first three are libsignal's. */
export const SENDER_KEY_LIMITS = {
  /** Messages that may be missing before one that arrives. */
  forwardJumpsMax: 25_000,
  /** Seeds of skipped messages kept for one chain; beyond it the oldest go. */
  messageKeysMax: 2_000,
  /** Chains kept of one device in one group; beyond it the oldest goes. */
  statesMax: 5,
  /** Messages sent with one chain before a new one is made. */
  messagesMax: 1_000,
  /** Age of a chain from which a new one is made. */
  ageMsMax: 7 * 24 * 3_600_000,
} as const

/** Who an own chain is for. */
export interface SenderKeyAudience {
  readonly conversation: ConversationId
  /** Version of the membership that `devices` are taken from. */
  readonly membershipVersion: number
  /** Every device that may read what is sent now, save the own one. */
  readonly devices: readonly DeviceId[]
}

/** The own chain as it stands for an audience. Commit `changes` before anything made of it leaves. */
export interface PreparedSenderKey {
  /** A new chain was made: nobody has it yet. */
  readonly rotated: boolean
  /** Devices of the audience that were not given the chain. */
  readonly lacking: readonly DeviceId[]
  /** What to give them, over pairwise sessions only: they read from here on and nothing before. */
  readonly distribution: Uint8Array
  readonly changes: ChangeSet
}

/** Outcome of {@link GroupCiphers.encrypt}. `no_sender_key`: prepare one first. */
export type GroupEncryptOutcome =
  | { readonly status: 'encrypted'; readonly bytes: Uint8Array; readonly membershipVersion: number; readonly changes: ChangeSet }
  | { readonly status: 'no_sender_key' }

/** Outcome of {@link GroupCiphers.accept}. `known`: this chain is here already, perhaps further on. */
export type AcceptOutcome =
  | { readonly status: 'accepted' | 'known'; readonly changes: ChangeSet }
  | { readonly status: 'malformed' | 'low_order_key' | 'conflict' }

/**
 * Outcome of {@link GroupCiphers.decrypt}. Every other status than `decrypted` changed nothing. `no_sender_key`: ask the sender.
 * `membershipVersion` is the one that the sender gave the chain out for: the caller compares it with the envelope.
 */
export type GroupDecryptOutcome =
  | { readonly status: 'decrypted'; readonly plaintext: Uint8Array; readonly membershipVersion: number; readonly changes: ChangeSet }
  | { readonly status: 'no_sender_key' | 'bad_signature' | 'replayed' | 'too_far_ahead' | 'malformed' | 'undecryptable' }

const NAMED_MAX_31_BITS = 0x7fff_ffff
const NO_HOLDERS: SenderKeyHolders = { given: new Set(), lost: new Set() }

/**
 * The sender keys of this device: one own chain for each group, and those that other devices gave it. The format is libsignal's
 * (SenderKeyMessage version 3): every message is signed by a key of its chain, which is checked before anything is decrypted, since AES-CBC
 * carries no MAC of its own. One object per profile; operations on one chain run one after the other, and the caller commits the change
 * set of one before it starts the next (or passes an overlay of the uncommitted changes).
 */
export class GroupCiphers {
  readonly #signal: Signal
  readonly #random: Random
  readonly #turns = new KeyedTurns()

  constructor(options: { readonly signal: Signal; readonly random: Random }) {
    this.#signal = options.signal
    this.#random = options.random
  }

  /**
   * The own chain for `audience`. A new one is made when there is none, when the membership has another version, when a device that holds the
   * chain is not in the audience any more (it could read on), and when the chain was used for long. Otherwise devices that joined are
   * given the chain where it stands.
   */
  prepare(audience: SenderKeyAudience, state: SignalState, nowMs: number): Promise<PreparedSenderKey> {
    const { conversation } = audience
    return this.#turns.run(conversation, async () => {
      const rows = await this.#ownRows(conversation, state)
      const held = this.#readOwn(rows, conversation)
      const kept = held !== undefined && isFit(held, audience, nowMs) ? held : undefined
      const own = kept?.own ?? await this.#makeOwn(audience.membershipVersion, nowMs)
      const holders = kept?.holders ?? NO_HOLDERS
      if (kept === undefined) this.#writeOwn(rows, conversation, own, holders)
      return {
        rotated: kept === undefined, lacking: audience.devices.filter((device) => !holders.given.has(device) || holders.lost.has(device)), changes: rows.changes(),
        distribution: encodeDistribution({ ...own, signingKey: own.signing.publicKey }),
      }
    })
  }

  /** The devices that were given the own chain for `membershipVersion` and did not lose it; none when there is no such chain. */
  holders(conversation: ConversationId, membershipVersion: number, state: SignalState): Promise<ReadonlySet<DeviceId>> {
    return this.#turns.run(conversation, async () => {
      const held = this.#readOwn(await this.#ownRows(conversation, state), conversation)
      const { given, lost } = held?.own.membershipVersion === membershipVersion ? held.holders : NO_HOLDERS
      return new Set([...given].filter((device) => !lost.has(device)))
    })
  }

  /** The change that notes that `devices` were given the own chain: in the transaction that stages the message which carries it. */
  given(conversation: ConversationId, devices: readonly DeviceId[], state: SignalState): Promise<ChangeSet> {
    return this.#turns.run(conversation, async () => {
      const rows = await this.#ownRows(conversation, state)
      const held = this.#readOwn(rows, conversation)
      if (held === undefined) throw new EvegramError('internal', { operation: 'note holders of a sender key that is not there' })
      rows.put(SIGNAL_KEYS.senderKeyHolders(conversation), encodeHolders({
        given: new Set([...held.holders.given, ...devices]), lost: new Set([...held.holders.lost].filter((device) => !devices.includes(device))),
      }))
      return rows.changes()
    })
  }

  /**
   * The change that notes that `devices` may lack the own chain, since one of them asked for a message: they are given it again. They count as its
   * holders all the same, since they may well have it: when they go, a new one is made.
   */
  lost(conversation: ConversationId, devices: readonly DeviceId[], state: SignalState): Promise<ChangeSet> {
    return this.#turns.run(conversation, async () => {
      const rows = await this.#ownRows(conversation, state)
      const held = this.#readOwn(rows, conversation)
      if (held === undefined) return rows.changes()
      rows.put(SIGNAL_KEYS.senderKeyHolders(conversation), encodeHolders({
        ...held.holders, lost: new Set([...held.holders.lost, ...devices.filter((device) => held.holders.given.has(device))]),
      }))
      return rows.changes()
    })
  }

  /** Encrypts for everybody who was given the own chain. The bytes may leave only after `changes` is committed: a lost step reuses a key. */
  encrypt(conversation: ConversationId, plaintext: Uint8Array, state: SignalState): Promise<GroupEncryptOutcome> {
    return this.#turns.run(conversation, async () => {
      const rows = await this.#ownRows(conversation, state)
      const held = this.#readOwn(rows, conversation)
      if (held === undefined) return { status: 'no_sender_key' }
      const { own } = held
      const { primitives } = this.#signal
      const { iv, key } = await messageKeyOf(primitives, await seedAt(primitives, own))
      const signed = senderKeyMessageToSign({ ...own, ciphertext: await primitives.aesEncrypt(key, iv, plaintext) })
      const bytes = concatBytes(signed, await this.#signal.sign(own.signing.privateKey, signed))
      rows.put(SIGNAL_KEYS.ownSenderKey(conversation), encodeOwnSenderKey({ ...own, ...await nextPlace(primitives, own) }))
      return { status: 'encrypted', bytes, membershipVersion: own.membershipVersion, changes: rows.changes() }
    })
  }

  /** Takes a chain that `device` gave this one over their pairwise session, for `membershipVersion`. Never goes back to an earlier place of a known chain. */
  accept(
    conversation: ConversationId, device: DeviceId, membershipVersion: number, distribution: Uint8Array, state: SignalState,
  ): Promise<AcceptOutcome> {
    return this.#turns.run(`${conversation} ${device}`, async () => {
      try {
        const parsed = parseDistribution(distribution)
        const name = hexOf(parsed.distribution)
        const listKey = SIGNAL_KEYS.senderKeys(conversation, device)
        const listRow = await state.get(listKey)
        const names = listRow === undefined ? [] : decodeDistributions(listRow)
        const rows = await StagedRows.read(state, [listKey, SIGNAL_KEYS.senderKey(conversation, device, name)])
        const known = this.#readReceived(rows, conversation, device, name)
        if (known !== undefined) {
          const isSame = known.chainId === parsed.chainId && known.membershipVersion === membershipVersion && equalBytes(known.signingKey, parsed.signingKey)
          // The same name for another chain would let its owner replace what was read before.
          return isSame ? { status: 'known', changes: rows.changes() } : { status: 'conflict' }
        }
        const kept = [...names, name]
        for (const old of kept.splice(0, Math.max(0, kept.length - SENDER_KEY_LIMITS.statesMax))) {
          rows.delete(SIGNAL_KEYS.senderKey(conversation, device, old))
        }
        rows.put(listKey, encodeDistributions(kept))
        rows.put(SIGNAL_KEYS.senderKey(conversation, device, name), encodeReceived({ ...parsed, membershipVersion, first: parsed.iteration, skipped: new Map() }))
        return { status: 'accepted', changes: rows.changes() }
      } catch (error) {
        const kind = refusalOf(error)
        if (kind === 'malformed' || kind === 'low_order_key') return { status: kind }
        throw error
      }
    })
  }

  /** Decrypts what `device` sent to all. Bytes come from the server and are not trusted. */
  decrypt(conversation: ConversationId, device: DeviceId, bytes: Uint8Array, state: SignalState): Promise<GroupDecryptOutcome> {
    return this.#turns.run(`${conversation} ${device}`, async () => {
      let message: ParsedSenderKeyMessage
      try {
        message = parseSenderKeyMessage(bytes)
      } catch (error) {
        if (error instanceof SignalRefusal) return { status: 'malformed' }
        throw error
      }
      const name = hexOf(message.distribution)
      const rows = await StagedRows.read(state, [SIGNAL_KEYS.senderKey(conversation, device, name)])
      const key = this.#readReceived(rows, conversation, device, name)
      if (key?.chainId !== message.chainId) return { status: 'no_sender_key' }
      if (!(await this.#signal.verify(key.signingKey, message.signed, message.signature))) return { status: 'bad_signature' }
      const advanced = await this.#advance(key, message.iteration)
      if ('status' in advanced) return advanced
      const plaintext = await this.#open(advanced.seed, message.ciphertext)
      if (plaintext === undefined) return { status: 'undecryptable' }
      rows.put(SIGNAL_KEYS.senderKey(conversation, device, name), encodeReceived(advanced.key))
      return { status: 'decrypted', plaintext, membershipVersion: key.membershipVersion, changes: rows.changes() }
    })
  }

  /** The change that forgets every chain of `device` in a group: for one that was removed or revoked. */
  async forget(conversation: ConversationId, device: DeviceId, state: SignalState): Promise<ChangeSet> {
    const listKey = SIGNAL_KEYS.senderKeys(conversation, device)
    const row = await state.get(listKey)
    const names = row === undefined ? [] : decodeDistributions(row)
    return { puts: new Map(), deletes: new Set([listKey, ...names.map((name) => SIGNAL_KEYS.senderKey(conversation, device, name))]) }
  }

  #ownRows(conversation: ConversationId, state: SignalState): Promise<StagedRows> {
    return StagedRows.read(state, [SIGNAL_KEYS.ownSenderKey(conversation), SIGNAL_KEYS.senderKeyHolders(conversation)])
  }

  #readOwn(rows: StagedRows, conversation: ConversationId): { readonly own: OwnSenderKey; readonly holders: SenderKeyHolders } | undefined {
    const row = rows.get(SIGNAL_KEYS.ownSenderKey(conversation))
    if (row === undefined) return undefined
    const holders = rows.get(SIGNAL_KEYS.senderKeyHolders(conversation))
    return { own: decodeOwnSenderKey(row), holders: holders === undefined ? NO_HOLDERS : decodeHolders(holders) }
  }

  #writeOwn(rows: StagedRows, conversation: ConversationId, own: OwnSenderKey, holders: SenderKeyHolders): void {
    rows.put(SIGNAL_KEYS.ownSenderKey(conversation), encodeOwnSenderKey(own))
    rows.put(SIGNAL_KEYS.senderKeyHolders(conversation), encodeHolders(holders))
  }

  async #makeOwn(membershipVersion: number, createdAtMs: number): Promise<OwnSenderKey> {
    const distribution = this.#random.bytes(16)
    // RFC 9562: version 4, variant 10. Other libraries read the name as a UUID.
    distribution[6] = ((distribution[6] ?? 0) & 0x0f) | 0x40
    distribution[8] = ((distribution[8] ?? 0) & 0x3f) | 0x80
    const chainId = new DataView(this.#random.bytes(4).buffer).getUint32(0) & NAMED_MAX_31_BITS
    return { distribution, chainId, iteration: 0, chainKey: this.#random.bytes(32), signing: await this.#signal.generateKeyPair(), membershipVersion, createdAtMs }
  }

  #readReceived(rows: StagedRows, conversation: ConversationId, device: DeviceId, name: string): ReceivedSenderKey | undefined {
    const row = rows.get(SIGNAL_KEYS.senderKey(conversation, device, name))
    return row === undefined ? undefined : decodeReceived(row)
  }

  /** The seed of message `iteration` and the chain behind it; skipped seeds are kept within their bound. */
  async #advance(
    key: ReceivedSenderKey, iteration: number,
  ): Promise<{ readonly seed: Uint8Array; readonly key: ReceivedSenderKey } | { readonly status: 'no_sender_key' | 'replayed' | 'too_far_ahead' }> {
    const { primitives } = this.#signal
    const skipped = new Map(key.skipped)
    // It came before the chain was given: this device never had what opens it, and asks as for a chain that it has not got.
    if (iteration < key.first) return { status: 'no_sender_key' }
    if (iteration < key.iteration) {
      const seed = skipped.get(iteration)
      if (seed === undefined) return { status: 'replayed' }
      skipped.delete(iteration)
      return { seed, key: { ...key, skipped } }
    }
    const jumps = iteration - key.iteration
    if (jumps > SENDER_KEY_LIMITS.forwardJumpsMax) return { status: 'too_far_ahead' }
    let place: ChainPlace = key
    for (; place.iteration < iteration; place = await nextPlace(primitives, place)) {
      // Those that would be dropped again at once are not made.
      if (iteration - place.iteration <= SENDER_KEY_LIMITS.messageKeysMax) skipped.set(place.iteration, await seedAt(primitives, place))
    }
    for (const oldest of skipped.keys()) {
      if (skipped.size <= SENDER_KEY_LIMITS.messageKeysMax) break
      skipped.delete(oldest)
    }
    const { chainKey } = await nextPlace(primitives, place)
    return { seed: await seedAt(primitives, place), key: { ...key, iteration: iteration + 1, chainKey, skipped } }
  }

  /** Undefined for bad padding: the sender signed something that is no message. */
  async #open(seed: Uint8Array, ciphertext: Uint8Array): Promise<Uint8Array | undefined> {
    const { iv, key } = await messageKeyOf(this.#signal.primitives, seed)
    try {
      return await this.#signal.primitives.aesDecrypt(key, iv, ciphertext)
    } catch {
      // Each implementation of AES has its own error for bad padding, and the call has no other way to fail.
      return undefined
    }
  }
}

function isFit(held: { readonly own: OwnSenderKey; readonly holders: SenderKeyHolders }, audience: SenderKeyAudience, nowMs: number): boolean {
  const { own, holders } = held
  if (own.membershipVersion !== audience.membershipVersion || own.iteration >= SENDER_KEY_LIMITS.messagesMax) return false
  if (nowMs - own.createdAtMs > SENDER_KEY_LIMITS.ageMsMax) return false
  const devices = new Set(audience.devices)
  return [...holders.given].every((device) => devices.has(device))
}
