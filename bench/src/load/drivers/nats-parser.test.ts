import { describe, expect, it } from 'vitest'
import { NatsParser } from './nats-parser.js'

/** What a server says to a client that subscribed twice; the second payload holds what looks like protocol. */
const STREAM = Buffer.from('INFO {"server_id":"x"} \r\n+OK\r\nPING\r\nMSG c.7 1 5\r\nhello\r\nMSG t.9 2 r.1 11\r\nMSG a 1 1\r\n\r\nPONG\r\n-ERR \'Slow Consumer\'\r\n', 'latin1')

function read(chunks: readonly Buffer[]): readonly string[] {
  const seen: string[] = []
  const parser = new NatsParser({
    onInfo: () => { seen.push('info') }, onPing: () => { seen.push('ping') }, onPong: () => { seen.push('pong') }, onError: (text) => { seen.push(`error ${text}`) },
    onMessage: (payload) => { seen.push(`message ${Buffer.from(payload).toString('latin1')}`) },
  })
  for (const chunk of chunks) parser.take(chunk)
  return seen
}
const ALL = ['info', 'ping', 'message hello', 'message MSG a 1 1\r\n', 'pong', 'error \'Slow Consumer\'']

describe('the NATS protocol', () => {
  it('is read from one piece, and from pieces of every size', () => {
    expect(read([STREAM])).toEqual(ALL)
    for (let size = 1; size < STREAM.length; size++) {
      const chunks = Array.from({ length: Math.ceil(STREAM.length / size) }, (_, index) => STREAM.subarray(index * size, (index + 1) * size))
      expect(read(chunks), String(size)).toEqual(ALL)
    }
  })

  it('is not what something else says', () => {
    expect(() => read([Buffer.from('HTTP/1.1 200 OK\r\n')])).toThrow(/not NATS/)
    expect(() => read([Buffer.from('MSG a 1 x\r\n')])).toThrow(/size/)
    expect(() => read([Buffer.alloc(9_000, 0x61)])).toThrow(/without an end/)
  })
})
