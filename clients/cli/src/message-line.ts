import type { Message } from '@evegram/sdk'
import type { Output } from './output.js'

/** A message as `listen` and `history` print it for machines: the documented fields, one object a line. */
export function messageObject(message: Message): Readonly<Record<string, unknown>> {
  return {
    from: message.from,
    fromDevice: message.fromDevice,
    text: message.text,
    messageId: message.messageId,
    order: message.order.toString(),
    sentAt: new Date(message.sentAtMs).toISOString(),
    conversation: message.conversation,
  }
}

/** A message as a person reads it. Control characters are shown, so that nobody can write over another line of the terminal. */
export function messageText(message: Message, output: Output): string {
  const time = new Date(message.sentAtMs).toISOString().slice(11, 16)
  return `${output.paint('dim', time)} ${output.paint('cyan', shortAddress(message.from))}  ${visible(message.text)}`
}

/** The ends of an address, enough for a person to tell two apart. */
export function shortAddress(address: string): string {
  return address.length <= 14 ? address : `${address.slice(0, 6)}…${address.slice(-6)}`
}

/** `text` with control characters (line breaks excepted) and direction overrides made visible. */
export function visible(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
