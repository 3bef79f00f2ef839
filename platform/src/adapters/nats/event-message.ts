import { EvegramError } from '@evegram/protocol'
import { headers, type JsMsg, type MsgHdrs } from 'nats'
import { subjectOf } from '../../bus.js'
import type { BusinessEvent, DeadLetter } from '../../event-stream.js'

/** Header that JetStream recognises repetitions by. */
const ID_HEADER = 'Nats-Msg-Id'
/** Before each header of an event: others are the broker's or ours. */
const OWN_PREFIX = 'E-'
const SUBJECT_HEADER = 'Dead-Subject'
const EVENT_HEADER = 'Dead-Event'
const REASON_HEADER = 'Dead-Reason'
const ATTEMPTS_HEADER = 'Dead-Attempts'

/** The headers of an event as they are stored. */
export function headersOf(event: BusinessEvent): MsgHdrs {
  const stored = headers()
  for (const [name, value] of Object.entries(event.headers)) stored.set(`${OWN_PREFIX}${name}`, value)
  return stored
}

/** The headers of a dead letter. */
export function deadHeadersOf({ event, reason, attempts }: DeadLetter): MsgHdrs {
  const stored = headersOf(event)
  stored.set(EVENT_HEADER, event.id)
  stored.set(SUBJECT_HEADER, event.subject)
  stored.set(REASON_HEADER, reason)
  stored.set(ATTEMPTS_HEADER, String(attempts))
  return stored
}

/** The event in a message whose subject begins with `prefix`. Throws `invalid.response` when it is none of ours. */
export function eventOf(message: JsMsg, prefix: string): BusinessEvent {
  const id = message.headers?.get(ID_HEADER) ?? ''
  if (id === '' || !message.subject.startsWith(prefix)) throw new EvegramError('invalid.response', { operation: 'read event' })
  return { id, subject: subjectOf(...message.subject.slice(prefix.length).split('.')), bytes: message.data, headers: ownHeaders(message) }
}

/** The dead letter in a message. */
export function deadLetterOf(message: JsMsg): DeadLetter {
  const text = (name: string): string => message.headers?.get(name) ?? ''
  const event = { id: text(EVENT_HEADER), subject: subjectOf(...text(SUBJECT_HEADER).split('.')), bytes: message.data, headers: ownHeaders(message) }
  return { event, reason: text(REASON_HEADER), attempts: Number(text(ATTEMPTS_HEADER)) }
}

function ownHeaders(message: JsMsg): Readonly<Record<string, string>> {
  const own = (message.headers?.keys() ?? []).filter((name) => name.startsWith(OWN_PREFIX))
  return Object.fromEntries(own.map((name) => [name.slice(OWN_PREFIX.length), message.headers?.get(name) ?? '']))
}
