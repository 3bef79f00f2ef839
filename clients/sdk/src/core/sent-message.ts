import type { ConversationId, MessageId, Position } from '@evegram/protocol'

/** A message that is durable on this device and on its way. */
export interface SentMessage {
  readonly messageId: MessageId
  readonly conversation: ConversationId
  /** Its place: conversations are sorted by (order, device, number) on every device. */
  readonly order: bigint
  /** Resolves once the server has stored it; rejects when it never will, or with `client.closed`: then the next run goes on sending it. */
  readonly acked: Promise<Position>
}
