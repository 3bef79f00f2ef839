import {
  ALL_DEVICES, decodePosition, ENVELOPE_OFFSETS, FRAME_HEADER_BYTES, hexOf, POSITION_BYTES, type AccountId, type ConversationId, type DeviceId, type Position,
} from '@evegram/protocol'
import type { LinkHandlers } from './links.js'
import type { Repairs } from './repairs.js'
import type { Session } from './session.js'
import type { Sessions } from './sessions.js'
import type { WideInterest } from './wide-interest.js'

/** Hands what other nodes send to the sessions of this node. */
export class Inbox implements LinkHandlers {
  readonly #sessions: Sessions
  readonly #repairs: Repairs
  readonly #wide: Pick<WideInterest, 'followersOf'>

  constructor(sessions: Sessions, repairs: Repairs, wide: Pick<WideInterest, 'followersOf'>) {
    this.#sessions = sessions
    this.#repairs = repairs
    this.#wide = wide
  }

  delivery(device: DeviceId, packet: Uint8Array, frameStart: number, frameEnd: number): void {
    const session = this.#sessions.ofDevice(device)
    if (session !== undefined) this.#deliver(session, packet, frameStart, frameEnd)
    else if (device === ALL_DEVICES) this.#deliverToAll(packet, frameStart, frameEnd)
    else this.#changed(device)
  }

  missed(device: DeviceId, conversation: ConversationId, position: Position): void {
    const session = this.#sessions.ofDevice(device)
    for (const reader of session === undefined && device === ALL_DEVICES ? this.#wide.followersOf(conversation) : session === undefined ? [] : [session]) {
      reader.markDirty(conversation, position)
      this.#repairs.consider(reader)
    }
    if (session === undefined) this.#changed(device)
  }

  lost(): void {
    for (const session of this.#sessions.all()) this.#repairs.demand(session)
  }

  replaced(device: DeviceId, connectionEpoch: number): void {
    this.#sessions.replacedElsewhere(device, connectionEpoch)
  }

  #deliver(session: Session, packet: Uint8Array, frameStart: number, frameEnd: number): void {
    const positionAt = frameStart + FRAME_HEADER_BYTES
    const position = decodePosition(packet.subarray(positionAt, positionAt + POSITION_BYTES))
    session.deliverFrame(conversationOf(packet, frameStart), position, packet.subarray(frameStart, frameEnd))
  }

  /** A body for all members of a wide conversation: for every session of theirs but the one that sent it. */
  #deliverToAll(packet: Uint8Array, frameStart: number, frameEnd: number): void {
    const senderAt = frameStart + FRAME_HEADER_BYTES + POSITION_BYTES + ENVELOPE_OFFSETS.device
    const sender = hexOf(packet, senderAt, senderAt + 16)
    for (const session of this.#wide.followersOf(conversationOf(packet, frameStart))) {
      if (session.owner?.device !== sender) this.#deliver(session, packet, frameStart, frameEnd)
    }
  }

  /** What is for no device here may be for an account: its membership of a wide conversation changes, and its sessions look at it before they go on. */
  #changed(id: string): void {
    // An id says nothing of its kind: who has it tells.
    for (const session of this.#sessions.ofAccount(id as AccountId)) this.#repairs.demand(session)
  }
}

function conversationOf(packet: Uint8Array, frameStart: number): ConversationId {
  const at = frameStart + FRAME_HEADER_BYTES + POSITION_BYTES + ENVELOPE_OFFSETS.conversation
  // 16 bytes of hex are a conversation id by definition.
  return hexOf(packet, at, at + 16) as ConversationId
}
