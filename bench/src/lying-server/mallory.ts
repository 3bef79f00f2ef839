import { randomBytes } from 'node:crypto'
import {
  BODY_TYPE, chainStart, directConversationIdOf, encodeEnvelope, encodeFrame, encodeOpen, encodePayload, encodePayloadBody, ENVELOPE_KIND, FRAME_TYPE,
  membershipHash, seenHeadsDigest, encodeDelivery,
  type AccountState, type BodyType, type Envelope, type Frame, type Payload, type PayloadContent,
} from '@evegram/protocol'
import { MemorySignalState, SessionCiphers, verifyBundle } from '@evegram/sdk/parts'
import { RawPrekeys } from '../raw/raw-prekeys.js'
import { tokenSourceOf } from '../raw/raw-tokens.js'
import { RawSocket } from '../raw/raw-socket.js'
import type { RawDevice } from '../raw/raw-device.js'
import { idsOf, type Person, type World } from './world.js'

const MALLORY_PREKEYS = 20

/** A ciphertext for one device. */
export interface Sealed {
  readonly type: BodyType
  readonly bytes: Uint8Array
}

/** Whose name a message by Mallory bears. */
export interface Claim {
  readonly account: Payload['senderAccount']
  readonly device: Payload['senderDevice']
}

/** An attacker with an account and device of her own on the same server, who speaks the protocol without the SDK's scruples. */
export class Mallory {
  readonly device: RawDevice
  readonly state: AccountState
  readonly prekeys: RawPrekeys
  readonly #world: World
  readonly #signal = new MemorySignalState()

  private constructor(world: World, parts: { readonly device: RawDevice; readonly state: AccountState; readonly prekeys: RawPrekeys }) {
    this.#world = world
    this.device = parts.device
    this.state = parts.state
    this.prekeys = parts.prekeys
  }

  /** Signs her in and publishes her prekeys. */
  static async join(world: World): Promise<Mallory> {
    const { enrolment } = world
    const { device, state } = await enrolment.enrol(enrolment.newWallet('solana'))
    return new Mallory(world, { device, state, prekeys: await RawPrekeys.publish(enrolment, device, MALLORY_PREKEYS) })
  }

  /** Encrypts for the device of `to` in a session that she starts with her own identity key, whatever the payload claims. */
  async seal(to: Person, plaintext: Uint8Array): Promise<Sealed> {
    const { enrolment } = this.#world
    const { account, device } = idsOf(to)
    const fetched = await enrolment.api.fetchBundle(tokenSourceOf(this.device, enrolment.api), account, device)
    const ciphers = new SessionCiphers({ signal: enrolment.signal, local: this.device.keys, attested: { identityKeyOf: () => fetched.identityKey } })
    if (!await ciphers.hasSession(device, this.#signal)) {
      const started = await ciphers.startSession(device, await verifyBundle(enrolment.signal, fetched, fetched, Date.now()), this.#signal)
      if (started.status !== 'started') throw new Error(`no session: ${started.status}`)
      this.#signal.commit(started.changes)
    }
    const sealed = await ciphers.encryptFor(device, plaintext, this.#signal)
    if (sealed.status !== 'encrypted') throw new Error(`not encrypted: ${sealed.status}`)
    this.#signal.commit(sealed.changes)
    return { type: sealed.type === 1 ? BODY_TYPE.prekey : BODY_TYPE.message, bytes: sealed.bytes }
  }

  /** A well-formed payload for `to` in the name of `claim`, and the envelope fields that fit it. `peer`: the other member, where the claim is an own device of `to`. */
  compose(to: Person, claim: Claim, content: PayloadContent, peer: Claim['account'] = claim.account): { readonly payload: Uint8Array; readonly header: Omit<Envelope, 'accounts' | 'bodies'> } {
    const reader = idsOf(to)
    const conversation = directConversationIdOf(peer, reader.account)
    const numbered = content.kind === 'text' || content.kind === 'void'
    const place = { epoch: numbered ? 1 : 0, number: numbered ? 1 : randomBytes(6).readUIntBE(0, 6), order: BigInt(Date.now()) << 16n }
    const payload = encodePayload({
      v: 1, kind: content.kind, conversation, senderAccount: claim.account, senderDevice: claim.device, recipientAccount: reader.account, recipientDevice: reader.device,
      membershipHash: membershipHash([peer, reader.account]), accountHeads: [], ...place, prev: chainStart(), sentAtMs: Date.now(),
      salt: new Uint8Array(randomBytes(16)), body: encodePayloadBody(content), seenHeads: seenHeadsDigest([]),
      ...(numbered ? { start: { number: 1, prev: chainStart() } } : {}),
    })
    const kind = numbered ? ENVELOPE_KIND.message : ENVELOPE_KIND.control
    return { payload, header: { kind, conversation, account: claim.account, device: claim.device, membershipVersion: 1, ...place } }
  }

  /** A `deliver` frame, as the liar can make it up. */
  delivery(to: Person, header: Omit<Envelope, 'accounts' | 'bodies'>, sealed: Sealed): Frame {
    const envelope = encodeEnvelope({ ...header, accounts: [], bodies: [{ device: to.client.device, ...sealed }] })
    return { type: FRAME_TYPE.deliver, flags: 0, correlation: 0, body: encodeDelivery({ position: { timeMs: Date.now(), incarnation: 1, counter: 1 }, envelope }) }
  }

  /** Sends a composed message over her own socket, as any client may. Rejects when the server refuses it. */
  async sendHonestly(to: Person, header: Omit<Envelope, 'accounts' | 'bodies'>, sealed: Sealed): Promise<void> {
    const { proxy, enrolment } = this.#world
    const socket = await RawSocket.signedIn(proxy.ws, this.device, enrolment.server.origin)
    try {
      socket.send(encodeFrame(FRAME_TYPE.open, 9, encodeOpen({ peer: to.client.account })))
      await socket.next(FRAME_TYPE.opened)
      const accounts = [{ account: this.device.account, seq: 1 }, { account: to.client.account, seq: 1 }]
      // Flags 2: refused twice before, so that nobody is missing.
      socket.send(encodeFrame(FRAME_TYPE.send, 10, encodeEnvelope({ ...header, accounts, bodies: [{ device: to.client.device, ...sealed }] }), 2))
      await Promise.race([socket.next(FRAME_TYPE.ack), socket.ended])
      if (socket.failures.length > 0) throw new Error(socket.failures.join(', '))
    } finally {
      socket.drop()
    }
  }
}
