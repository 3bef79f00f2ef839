import { decodePosition, ENVELOPE_OFFSETS, FRAME_HEADER_BYTES, hexOf, POSITION_BYTES, type ConversationId, type DeviceId, type Position } from '@evegram/protocol'
import type { LinkHandlers } from './links.js'
import type { Repairs } from './repairs.js'
import type { Sessions } from './sessions.js'

/** Hands what other nodes send to the sessions of this node. */
export class Inbox implements LinkHandlers {
  readonly #sessions: Sessions
  readonly #repairs: Repairs

  constructor(sessions: Sessions, repairs: Repairs) {
    this.#sessions = sessions
    this.#repairs = repairs
  }

  delivery(device: DeviceId, packet: Uint8Array, frameStart: number, frameEnd: number): void {
    const session = this.#sessions.ofDevice(device)
    if (session === undefined) return
    const positionAt = frameStart + FRAME_HEADER_BYTES
    const conversationAt = positionAt + POSITION_BYTES + ENVELOPE_OFFSETS.conversation
    // 16 bytes of hex are a conversation id by definition.
    const conversation = hexOf(packet, conversationAt, conversationAt + 16) as ConversationId
    session.deliverFrame(conversation, decodePosition(packet.subarray(positionAt, positionAt + POSITION_BYTES)), packet.subarray(frameStart, frameEnd))
  }

  missed(device: DeviceId, conversation: ConversationId, position: Position): void {
    const session = this.#sessions.ofDevice(device)
    if (session === undefined) return
    session.markDirty(conversation, position)
    this.#repairs.consider(session)
  }

  lost(): void {
    for (const session of this.#sessions.all()) this.#repairs.demand(session)
  }

  replaced(device: DeviceId, connectionEpoch: number): void {
    this.#sessions.replacedElsewhere(device, connectionEpoch)
  }
}
