// The least of Cassandra's native protocol v4 (native_protocol_v4.spec) that asks a node whether it answers queries. No driver: this runs before npm install.
import { connect } from 'node:net'

const OPCODE = { error: 0x00, startup: 0x01, ready: 0x02, query: 0x07, result: 0x08 }
const REQUEST_V4 = 0x04
const HEADER_BYTES = 9
const ROWS = 2
const GLOBAL_TABLE = 0x0001
const MORE_PAGES = 0x0002
const NO_METADATA = 0x0004
const ANSWER_BYTES_MAX = 1024 * 1024
/** Numbers of consistency levels on the wire. */
export const CONSISTENCY = { one: 0x0001, all: 0x0005 }

/** One frame on stream 0. */
export function frame(opcode, body) {
  const head = Buffer.alloc(HEADER_BYTES)
  head[0] = REQUEST_V4
  head[4] = opcode
  head.writeInt32BE(body.length, 5)
  return Buffer.concat([head, body])
}

/** The body of a QUERY without values. */
export function queryBody(cql, consistency) {
  const text = Buffer.from(cql)
  const body = Buffer.alloc(4 + text.length + 3)
  body.writeInt32BE(text.length, 0)
  text.copy(body, 4)
  body.writeUInt16BE(consistency, 4 + text.length)
  return body
}

/** The rows of a RESULT body whose columns have simple types, each a list of cells, a character a byte. Not for collections: none is asked for here. */
export function rowsOf(body) {
  let at = 0
  const int = () => body.readInt32BE((at += 4) - 4)
  const short = () => body.readUInt16BE((at += 2) - 2)
  const skip = (bytes) => { at += bytes }
  const skipString = () => skip(short())
  if (int() !== ROWS) return []
  const flags = int()
  const columns = int()
  if ((flags & MORE_PAGES) !== 0) skip(int())
  if ((flags & NO_METADATA) === 0) {
    if ((flags & GLOBAL_TABLE) !== 0) { skipString(); skipString() }
    for (let column = 0; column < columns; column++) {
      if ((flags & GLOBAL_TABLE) === 0) { skipString(); skipString() }
      skipString()
      short()
    }
  }
  return Array.from({ length: int() }, () => Array.from({ length: columns }, () => {
    const length = int()
    if (length < 0) return undefined
    skip(length)
    return body.toString('latin1', at - length, at)
  }))
}

/** Connects to a node, says STARTUP and asks `queries` ({cql, consistency}) one after another. Resolves with the rows of each; rejects within `timeoutMs`. */
export function askCassandra({ host, port }, queries, timeoutMs) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const answers = []
    let input = Buffer.alloc(0)
    const timer = setTimeout(() => end(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    const end = (error) => {
      clearTimeout(timer)
      socket.destroy()
      if (error === undefined) resolve(answers)
      else reject(error)
    }
    const next = () => {
      const query = queries[answers.length]
      if (query === undefined) end()
      else socket.write(frame(OPCODE.query, queryBody(query.cql, query.consistency)))
    }
    const version = Buffer.from('\x00\x01\x00\x0bCQL_VERSION\x00\x053.0.0', 'latin1')
    socket.on('connect', () => socket.write(frame(OPCODE.startup, version)))
    socket.on('error', end)
    socket.on('close', () => end(new Error('the connection was closed')))
    socket.on('data', (chunk) => {
      input = Buffer.concat([input, chunk])
      if (input.length > ANSWER_BYTES_MAX) return end(new Error('the answer is too long'))
      if (input.length < HEADER_BYTES || input.length < HEADER_BYTES + input.readInt32BE(5)) return undefined
      const opcode = input[4]
      const body = input.subarray(HEADER_BYTES, HEADER_BYTES + input.readInt32BE(5))
      input = input.subarray(HEADER_BYTES + body.length)
      if (opcode === OPCODE.result) {
        try {
          answers.push(rowsOf(body))
        } catch (error) {
          return end(error)
        }
      } else if (opcode !== OPCODE.ready) {
        const isError = opcode === OPCODE.error && body.length >= 6
        return end(new Error(isError ? body.subarray(6, 6 + body.readUInt16BE(4)).toString('utf8') : `unexpected answer ${opcode}`))
      }
      return next()
    })
  })
}
