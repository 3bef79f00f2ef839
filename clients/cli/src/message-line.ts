import type { Message } from '@evegram/sdk'
import type { Output } from './output.js'
import type { PaymentView } from './payment-view.js'
import { timeText } from './time-text.js'
import { visible } from './visible.js'

/**
 * A message as `listen` and `history` print it for machines: exactly the documented fields. `order` is a decimal number beyond 2^53,
 * therefore a string; `sentAt` is ISO 8601 by the sender's clock. A payment and a payment request have `payment` or `payment_request` beside the note in `text`.
 */
export function messageObject(message: Message, payment?: PaymentView): Readonly<Record<string, unknown>> {
  return {
    from: message.from,
    fromDevice: message.fromDevice,
    text: message.text,
    messageId: message.messageId,
    order: message.order.toString(),
    sentAt: new Date(message.sentAtMs).toISOString(),
    ...(payment === undefined ? {} : { [message.kind]: payment.object }),
  }
}

const UNKNOWN_KIND = '[a kind of message that this version cannot show: update evegram]'

/** A message as a person reads it, times in their zone. Further lines of a text are indented: none can pass for a message of its own. */
export function messageText(message: Message, output: Output, nowMs: number, payment?: PaymentView): string {
  const who = message.direction === 'out' ? output.paint('green', 'you') : output.paint('cyan', shortAddress(message.from))
  const said = visible(message.text).replaceAll('\n', '\n      ')
  const text = message.kind === 'text' ? said : payment === undefined ? UNKNOWN_KIND : `${payment.text}${said === '' ? '' : ` ${said}`}`
  const state = message.state === 'queued' || message.state === 'failed' ? ` ${output.paint('yellow', `(${message.state})`)}` : ''
  return `${output.paint('dim', timeText(message.sentAtMs, nowMs))} ${who}  ${text}${state}`
}

/** The ends of an address, enough for a person to tell two apart. */
export function shortAddress(address: string): string {
  return address.length <= 14 ? address : `${address.slice(0, 6)}…${address.slice(-6)}`
}
