import {
  messageIdOf, type AccountId, type ConversationId, type DeviceId, type FileRef, type MessageId, type MessageTarget, type PayloadContent, type PaymentBody, type PaymentRequestBody, type SaidWith,
} from '@evegram/protocol'

/**
 * `queued` waits for the server, `sent` is stored by it, `received` came from another device. `failed` was given up: nothing that is new
 * will be said in its place; what had left this device may still arrive (a server can store what it refuses, and a peer may ask for it).
 */
export type MessageState = 'queued' | 'sent' | 'failed' | 'received'

/** Another message of the same conversation, whether or not it is here. */
export interface MessageReference extends MessageTarget {
  readonly messageId: MessageId
}

/** An emoji under a message. */
export interface Reaction {
  readonly emoji: string
  /** Each account shows one emoji under a message, the last it chose. In the order in which they came to it. */
  readonly by: readonly AccountId[]
}

/** What a message may say. */
export type MessageContent = Extract<PayloadContent, { kind: 'text' | 'payment' | 'payment_request' | 'files' }>

/** What became of an own message at those whom it was for, as their devices said, end to end. */
export interface MessageReceipts {
  /** Accounts of which a device received it. */
  readonly deliveredTo: number
  /** Accounts that read it and say so; 0 while the own setting `receipts.read` is off. */
  readonly readBy: number
  /** Accounts that it was for: of a group those who were members. */
  readonly of: number
}

/** A message as shown. */
export interface Message {
  readonly messageId: MessageId
  readonly conversation: ConversationId
  /** Address of the sender's founding wallet, from its verified account log. */
  readonly from: string
  readonly fromAccount: AccountId
  readonly fromDevice: DeviceId
  /** Own messages, of this and of other own devices, go `out`. */
  readonly direction: 'in' | 'out'
  /** The number of a kind that this version does not know is shown as unsupported. */
  readonly kind: MessageContent['kind'] | `unknown:${number}`
  /** The note of a payment or payment request, the caption of files. Empty for unknown kinds and after `forget`. */
  readonly text: string
  /** Of a `payment`, until `forget`: what its sender *claims*. Anybody can write one: whether it was paid is what `Client.wallet.proofOf` says. */
  readonly payment?: PaymentBody
  /** Of a `payment_request`, until `forget`. */
  readonly request?: PaymentRequestBody
  /** Of `files`, until `forget`: fetched and opened by `Client.download`. Names and types are what the sender says. */
  readonly files?: readonly FileRef[]
  /** The message that it answers. */
  readonly replyTo?: MessageReference
  /** Absent without any. */
  readonly reactions?: readonly Reaction[]
  /** When its author changed what it says, by their clock, in ms since 1970. */
  readonly editedAtMs?: number
  /** It was deleted for everybody: it says nothing any more, and shows no reactions. */
  readonly deleted?: true
  /** It disappears so many seconds after it was sent (own ones) or read. */
  readonly expiresIn?: number
  /** When it disappears from this device, ms since 1970; absent until that is counted. */
  readonly expiresAtMs?: number
  /** Of an own message to others: who received and read it. As `Conversation.history` gives it: it is not part of what is stored of the message. */
  readonly receipts?: MessageReceipts
  /** Of an own message in a group: version of the membership log that it was stored under. */
  readonly membershipVersion?: number
  /** Its sender is a stranger: it waits with others as a request, see `Client.requests`. */
  readonly stranger?: true
  /** Conversations are sorted by (order, device, number) on every device. */
  readonly order: bigint
  readonly epoch: number
  readonly number: number
  /** Sender's clock in ms since 1970. */
  readonly sentAtMs: number
  /** When this device committed it, in ms since 1970, server time. */
  readonly receivedAtMs: number
  readonly state: MessageState
  /** Where the profile committed it among all its messages: 1, 2, 3, ...; 0 for one that came from an archive. */
  readonly arrival: number
  /** It came from a backup or from another own device: this device has not read it itself. */
  readonly fromArchive?: true
  /** Messages of the sender before this one are missing. As known when the message was committed; `gap` events tell the rest. */
  readonly gap?: boolean
}

/** The fields of a message that its content makes. */
export type ShownContent = Pick<Message, 'kind' | 'text' | 'payment' | 'request' | 'files' | 'replyTo' | 'expiresIn'>

/** What a message says beside its text. */
export function saidWith({ reply, expiresIn }: SaidWith, conversation: ConversationId): Pick<Message, 'replyTo' | 'expiresIn'> {
  return {
    ...(reply === undefined ? {} : { replyTo: { ...reply, messageId: messageIdOf({ conversation, ...reply }) } }),
    ...(expiresIn === undefined ? {} : { expiresIn }),
  }
}

/** The fields of a message that its content makes, in `conversation`. */
export function shownContent(content: MessageContent, conversation: ConversationId): ShownContent {
  switch (content.kind) {
    case 'text': return { kind: content.kind, text: content.body.text, ...saidWith(content.body, conversation) }
    case 'payment': return { kind: content.kind, text: content.body.note, payment: content.body }
    case 'payment_request': return { kind: content.kind, text: content.body.note, request: content.body }
    case 'files': return { kind: content.kind, text: content.body.text, files: content.body.files, ...saidWith(content.body, conversation) }
    default: return content satisfies never
  }
}

/** The message without what it says. */
export function withoutContent(message: Message): Message {
  const { payment: _payment, request: _request, files: _files, replyTo: _replyTo, ...rest } = message
  return { ...rest, text: '' }
}
