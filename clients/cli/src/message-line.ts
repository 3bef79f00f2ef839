import { deliveryOf, type Message } from '@evegram/sdk'
import type { Output } from './output.js'
import type { PaymentView } from './payment-view.js'
import { safeFileName, sizeText } from './safe-file-name.js'
import { timeText } from './time-text.js'
import { visible } from './visible.js'

/**
 * A message as `listen` and `history` print it for machines: exactly the documented fields. `order` is a decimal number beyond 2^53,
 * therefore a string; `sentAt` is ISO 8601 by the sender's clock. `stranger`, `replyTo`, `reactions`, `editedAt`, `deleted` and `expiresAt` are there where they say something. Own messages of `history` have `delivery` and `receipts`. A payment and a payment request have `payment` or `payment_request` beside the note in `text`.
 */
export function messageObject(message: Message, payment?: PaymentView): Readonly<Record<string, unknown>> {
  return {
    from: message.from,
    fromDevice: message.fromDevice,
    text: message.text,
    messageId: message.messageId,
    order: message.order.toString(),
    sentAt: new Date(message.sentAtMs).toISOString(),
    ...(message.stranger === undefined ? {} : { stranger: true }),
    ...(message.replyTo === undefined ? {} : { replyTo: message.replyTo.messageId }),
    ...(message.reactions === undefined ? {} : { reactions: message.reactions }),
    ...(message.editedAtMs === undefined ? {} : { editedAt: new Date(message.editedAtMs).toISOString() }),
    ...(message.deleted === undefined ? {} : { deleted: true }),
    ...(message.expiresAtMs === undefined ? {} : { expiresAt: new Date(message.expiresAtMs).toISOString() }),
    ...(message.receipts === undefined ? {} : { delivery: deliveryOf(message), receipts: message.receipts }),
    ...(message.files === undefined ? {} : { files: message.files.map(({ name, type, size, width, height }) => ({ name, type, bytes: size, ...(width === undefined ? {} : { width, height }) })) }),
    ...(payment === undefined ? {} : { [message.kind]: payment.object }),
  }
}

/** Digits of a message id that a line shows where it is asked for. */
const SHOWN_ID_DIGITS = 8
const DELETED = '[deleted]'
const UNKNOWN_KIND = '[a kind of message that this version cannot show: update evegram]'

/** A message as a person reads it, times in their zone. Further lines of a text are indented: none can pass for a message of its own. */
export function messageText(message: Message, output: Output, nowMs: number, payment?: PaymentView, { ids = false }: { readonly ids?: boolean } = {}): string {
  const who = message.direction === 'out' ? output.paint('green', 'you') : output.paint('cyan', shortAddress(message.from))
  const said = visible(message.text).replaceAll('\n', '\n      ')
  const text = message.deleted === true ? output.paint('dim', DELETED) : message.kind === 'text' ? said : message.files !== undefined ? `${filesText(message.files)}${said === '' ? '' : ` ${said}`}` : payment === undefined ? UNKNOWN_KIND : `${payment.text}${said === '' ? '' : ` ${said}`}`
  const state = message.state === 'queued' || message.state === 'failed' ? ` ${output.paint('yellow', `(${message.state})`)}` : ''
  const id = ids ? `${output.paint('dim', message.messageId.slice(0, SHOWN_ID_DIGITS))} ` : ''
  const answers = message.replyTo === undefined ? '' : `${output.paint('dim', `(to ${message.replyTo.messageId.slice(0, SHOWN_ID_DIGITS)})`)} `
  const request = message.stranger === true ? ` ${output.paint('yellow', '(a request: answer it, or see evegram requests)')}` : ''
  const edited = message.editedAtMs === undefined ? '' : ` ${output.paint('dim', '(edited)')}`
  const reactions = (message.reactions ?? []).map(({ emoji, by }) => ` ${visible(emoji)}${by.length > 1 ? `×${String(by.length)}` : ''}`).join('')
  return `${id}${output.paint('dim', timeText(message.sentAtMs, nowMs))} ${who}  ${answers}${text}${edited}${reactions}${state}${deliveryMark(message, output)}${request}`
}

/** How far an own message got, as `history` knows it: ✓ stored, ✓✓ received, ✓✓ read; in a group with how many while not everybody counts. */
export function deliveryMark(message: Message, output: Output): string {
  const { receipts } = message
  const delivery = deliveryOf(message)
  if (receipts === undefined || receipts.of === 0 || delivery === 'sending' || delivery === 'failed') return ''
  const mark = delivery === 'read' ? '✓✓ read' : delivery === 'delivered' ? '✓✓' : '✓'
  const counts = receipts.of === 1 ? '' : ` ${String(receipts.readBy > 0 ? receipts.readBy : receipts.deliveredTo)}/${String(receipts.of)}${receipts.readBy > 0 && delivery !== 'read' ? ' read' : ''}`
  return ` ${output.paint('dim', `${mark}${delivery === 'read' ? '' : counts}`)}`
}

/** Names and sizes of files; the names are what their sender says. */
function filesText(files: NonNullable<Message['files']>): string {
  return files.map(({ name, size }) => `[${safeFileName(name)}, ${sizeText(size)}]`).join(' ')
}

/** The ends of an address, enough for a person to tell two apart. */
export function shortAddress(address: string): string {
  return address.length <= 14 ? address : `${address.slice(0, 6)}…${address.slice(-6)}`
}
