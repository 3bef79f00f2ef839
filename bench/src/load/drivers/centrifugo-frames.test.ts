import { describe, expect, it } from 'vitest'
import { decodeReplies, encodeConnect, encodePublish, encodeSubscribe } from './centrifugo-frames.js'

/** Made by protobufjs from the public definition (github.com/centrifugal/protocol), each with its length before it. */
const COMMANDS = { connect: '0408012200', subscribe: '0808022a040a026337', publish: '0e08ac023a090a026337120300ff07' } as const
const REPLIES = {
  connected: '1b08012a170a04613162321205362e392e30381940014a017352016e', subscribed: '110802320d1801320378797a48f0a2045001', published: '0508ac024200',
  error: '1908041215086712117065726d697373696f6e2064656e696564', publication: '26222412026337221e220300ff072a0612046131623230a0f8ffffffffff0f3a060a016b120176',
  bare: '0b2209120274312203220178', unsubscribe: '1f221d120263373a1710c4131a12696e73756666696369656e74207374617465', disconnect: '0f220d5a0b08ad1b1204736c6f771801', ping: '00',
} as const
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

describe('commands to Centrifugo', () => {
  it('are the bytes that its definition gives', () => {
    expect([hex(encodeConnect(1)), hex(encodeSubscribe(2, 'c7')), hex(encodePublish(300, 'c7', Uint8Array.of(0, 255, 7)))]).toEqual([COMMANDS.connect, COMMANDS.subscribe, COMMANDS.publish])
  })

  it('have lengths of any size', () => {
    const frame = encodePublish(1, 'c7', new Uint8Array(300))
    // 1 for the id and 1 before it, 304 of the request's data with their head, 4 of its channel, 3 before the request.
    expect([frame[0], frame[1], frame.length]).toEqual([0xb8, 0x02, 314])
  })
})

describe('replies of Centrifugo', () => {
  it('are read one by one, and several from one message', () => {
    const expected = [
      { kind: 'connected', id: 1, client: 'a1b2', wantsPong: true }, { kind: 'done', id: 2 }, { kind: 'done', id: 300 }, { kind: 'error', id: 4, code: 103, message: 'permission denied' },
      { kind: 'publication', channel: 'c7', data: Buffer.from([0, 255, 7]), client: 'a1b2' }, { kind: 'publication', channel: 't1', data: Buffer.from('x'), client: '' },
      { kind: 'ended', channel: 'c7', code: 2500, reason: 'insufficient state' }, { kind: 'ended', channel: '', code: 3501, reason: 'slow' }, { kind: 'ping' },
    ]
    const read = (message: Uint8Array): unknown => decodeReplies(message).map((reply) => (reply.kind === 'publication' ? { ...reply, data: Buffer.from(reply.data) } : reply))
    for (const [index, reply] of Object.values(REPLIES).entries()) expect(read(bytes(reply))).toEqual([expected[index]])
    expect(read(bytes(Object.values(REPLIES).join('')))).toEqual(expected)
  })

  it('are refused when they are cut off, at every byte', () => {
    const whole = bytes(REPLIES.publication)
    for (let length = 1; length < whole.length; length++) expect(() => decodeReplies(whole.subarray(0, length)), String(length)).toThrow(RangeError)
  })

  it('are refused when they are no protobuf', () => {
    expect(() => decodeReplies(bytes('0203ff'))).toThrow(RangeError)
    expect(() => decodeReplies(bytes('ffffffffffffffffffff01'))).toThrow(RangeError)
  })
})
