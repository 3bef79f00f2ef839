// The client protocol of Centrifugo (protobuf, version 2): messages with their length before them (varint), one or several in a WebSocket message. The numbers
// of fields are those of the public definition, github.com/centrifugal/protocol, definitions/client.proto.

/** Subprotocol that asks for protobuf. */
export const CENTRIFUGO_SUBPROTOCOL = 'centrifuge-protobuf'
/** An empty command: the answer to a ping, which is an empty reply. */
export const CENTRIFUGO_PONG: Uint8Array = Uint8Array.of(0)

const COMMAND = { id: 1, connect: 4, subscribe: 5, publish: 7 } as const
const SUBSCRIBE_REQUEST = { channel: 1 } as const
const PUBLISH_REQUEST = { channel: 1, data: 2 } as const
const REPLY = { id: 1, error: 2, push: 4, connect: 5 } as const
const ERROR = { code: 1, message: 2 } as const
const PUSH = { channel: 2, publication: 4, unsubscribe: 7, disconnect: 11 } as const
const END = { code: 1, reason: 2 } as const
const UNSUBSCRIBE = { code: 2, reason: 3 } as const
const PUBLICATION = { data: 4, info: 5 } as const
const CLIENT_INFO = { client: 2 } as const
const CONNECT_RESULT = { client: 1, pong: 8 } as const

const WIRE_TYPE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
const EMPTY = new Uint8Array(0)

/** What a server says. */
export type CentrifugoReply =
  | { readonly kind: 'ping' }
  | { readonly kind: 'connected'; readonly id: number; readonly client: string; readonly wantsPong: boolean }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'error'; readonly id: number; readonly code: number; readonly message: string }
  /** `client`: who published it, when the server says so. The bytes are a view into what was read. */
  | { readonly kind: 'publication'; readonly channel: string; readonly data: Uint8Array; readonly client: string }
  /** The server takes something back: a subscription (`channel`), or with an empty one the connection. */
  | { readonly kind: 'ended'; readonly channel: string; readonly code: number; readonly reason: string }
  | { readonly kind: 'other' }

/** The command that a connection begins with, without a token. */
export function encodeConnect(id: number): Uint8Array {
  return framed([...numberField(COMMAND.id, id), bytesField(COMMAND.connect, EMPTY)])
}

/** Asks for what is published in a channel. */
export function encodeSubscribe(id: number, channel: string): Uint8Array {
  return framed([...numberField(COMMAND.id, id), bytesField(COMMAND.subscribe, bytesField(SUBSCRIBE_REQUEST.channel, Buffer.from(channel)))])
}

/** Publishes a copy of `data`. */
export function encodePublish(id: number, channel: string, data: Uint8Array): Uint8Array {
  const request = Buffer.concat([bytesField(PUBLISH_REQUEST.channel, Buffer.from(channel)), bytesField(PUBLISH_REQUEST.data, data)])
  return framed([...numberField(COMMAND.id, id), bytesField(COMMAND.publish, request)])
}

/** Reads all replies of one WebSocket message. Throws RangeError for bytes that are none. */
export function decodeReplies(message: Uint8Array): readonly CentrifugoReply[] {
  const replies: CentrifugoReply[] = []
  const reader = new Reader(message)
  while (!reader.isAtEnd) replies.push(replyOf(reader.bytes()))
  return replies
}

function replyOf(bytes: Uint8Array): CentrifugoReply {
  if (bytes.length === 0) return { kind: 'ping' }
  const { numbers, parts } = fieldsOf(bytes)
  const id = numbers.get(REPLY.id) ?? 0
  const [error, push, connected] = [parts.get(REPLY.error), parts.get(REPLY.push), parts.get(REPLY.connect)]
  if (error !== undefined) {
    const fields = fieldsOf(error)
    return { kind: 'error', id, code: fields.numbers.get(ERROR.code) ?? 0, message: textOf(fields.parts.get(ERROR.message)) }
  }
  if (push !== undefined) return pushOf(push)
  if (connected === undefined) return { kind: 'done', id }
  const fields = fieldsOf(connected)
  return { kind: 'connected', id, client: textOf(fields.parts.get(CONNECT_RESULT.client)), wantsPong: fields.numbers.get(CONNECT_RESULT.pong) === 1 }
}

function pushOf(bytes: Uint8Array): CentrifugoReply {
  const { parts } = fieldsOf(bytes)
  const [publication, unsubscribe, disconnect] = [parts.get(PUSH.publication), parts.get(PUSH.unsubscribe), parts.get(PUSH.disconnect)]
  const channel = textOf(parts.get(PUSH.channel))
  if (publication !== undefined) {
    const fields = fieldsOf(publication)
    const info = fields.parts.get(PUBLICATION.info)
    return { kind: 'publication', channel, data: fields.parts.get(PUBLICATION.data) ?? EMPTY, client: info === undefined ? '' : textOf(fieldsOf(info).parts.get(CLIENT_INFO.client)) }
  }
  const ended = (part: Uint8Array, { code, reason }: typeof END | typeof UNSUBSCRIBE, of: string): CentrifugoReply => {
    const fields = fieldsOf(part)
    return { kind: 'ended', channel: of, code: fields.numbers.get(code) ?? 0, reason: textOf(fields.parts.get(reason)) }
  }
  if (disconnect !== undefined) return ended(disconnect, END, '')
  return unsubscribe === undefined ? { kind: 'other' } : ended(unsubscribe, UNSUBSCRIBE, channel)
}

/** The fields of a message; the last one of a number counts, and none here is repeated. */
function fieldsOf(bytes: Uint8Array): { readonly numbers: ReadonlyMap<number, number>; readonly parts: ReadonlyMap<number, Uint8Array> } {
  const numbers = new Map<number, number>()
  const parts = new Map<number, Uint8Array>()
  const reader = new Reader(bytes)
  while (!reader.isAtEnd) {
    const tag = reader.varint()
    const field = Math.floor(tag / 8)
    switch (tag % 8) {
      case WIRE_TYPE.varint: numbers.set(field, reader.varint()); break
      case WIRE_TYPE.bytes: parts.set(field, reader.bytes()); break
      case WIRE_TYPE.fixed64: reader.skip(8); break
      case WIRE_TYPE.fixed32: reader.skip(4); break
      default: throw new RangeError(`protobuf has no wire type ${String(tag % 8)}`)
    }
  }
  return { numbers, parts }
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new RangeError('protobuf ends inside of a number')
      value += (byte & 0x7f) * factor
      // Offsets are the largest numbers, and far below what a number holds exactly.
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('protobuf has a number that is too large')
      if (byte < 0x80) return value
    }
  }

  bytes(): Uint8Array {
    const length = this.varint()
    const from = this.#at
    this.skip(length)
    return this.#bytes.subarray(from, from + length)
  }

  skip(length: number): void {
    this.#at += length
    if (this.#at > this.#bytes.length) throw new RangeError('protobuf ends inside of a field')
  }
}

function framed(fields: readonly Uint8Array[]): Uint8Array {
  const length = fields.reduce((sum, field) => sum + field.length, 0)
  return Buffer.concat([varint(length), ...fields])
}

function numberField(field: number, value: number): readonly Uint8Array[] {
  return value === 0 ? [] : [varint(field * 8 + WIRE_TYPE.varint), varint(value)]
}

function bytesField(field: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(field * 8 + WIRE_TYPE.bytes), varint(bytes.length), bytes])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  return Uint8Array.from([...bytes, rest])
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
