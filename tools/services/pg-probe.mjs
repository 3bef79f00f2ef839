// As much of PostgreSQL's protocol (version 3.0) as one query needs, sign-in by SCRAM-SHA-256 (RFC 5802, RFC 7677) included: the tools run before npm install.
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { connect } from 'node:net'

const PROTOCOL = 196_608
const MECHANISM = 'SCRAM-SHA-256'
/** "n,,": no channel binding; this in base64 is what the client repeats in its final message. */
const GS2_HEADER = 'n,,'
const ANSWER_BYTES_MAX = 256 * 1024
/** A server that asks for more rounds than this is none of ours. */
const ITERATIONS_MAX = 100_000
const AUTHENTICATION = { ok: 0, sasl: 10, saslContinue: 11, saslFinal: 12 }

/** Runs one query at `url` (`postgres://user:password@host:port/database`); resolves with the rows, cells as text. Rejects with the server's words, and after `timeoutMs`. */
export function askPostgres(url, query, timeoutMs) {
  const { hostname, port, username, password, pathname } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) })
    let received = Buffer.alloc(0)
    const rows = []
    const scram = scramClient(decodeURIComponent(password))
    const timer = setTimeout(() => end(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    const end = (error) => {
      clearTimeout(timer)
      socket.destroy()
      if (error === undefined) resolve(rows)
      else reject(error)
    }
    let isSignedIn = false
    const onMessage = (type, body) => {
      if (type === 'E') throw new Error(errorText(body))
      else if (type === 'R') authenticate(body)
      else if (type === 'D') rows.push(cellsOf(body))
      else if (type === 'Z' && isSignedIn) end()
      else if (type === 'Z') {
        isSignedIn = true
        socket.write(message('Q', Buffer.from(`${query}\0`)))
      }
    }
    const authenticate = (body) => {
      const step = body.readInt32BE(0)
      const text = body.subarray(4).toString('utf8')
      if (step === AUTHENTICATION.sasl) {
        if (!text.split('\0').includes(MECHANISM)) throw new Error(`does not offer ${MECHANISM}`)
        const first = Buffer.from(scram.first())
        socket.write(message('p', Buffer.from(`${MECHANISM}\0`), int32(first.length), first))
      } else if (step === AUTHENTICATION.saslContinue) socket.write(message('p', Buffer.from(scram.final(text))))
      else if (step === AUTHENTICATION.saslFinal) scram.verify(text)
      else if (step !== AUTHENTICATION.ok) throw new Error(`asks for a sign-in (${step}) that is not ${MECHANISM}`)
    }
    socket.on('connect', () => socket.write(startup({ user: decodeURIComponent(username), database: pathname.slice(1) })))
    socket.on('error', end)
    socket.on('close', () => end(new Error('the connection was closed')))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      try {
        if (received.length > ANSWER_BYTES_MAX) throw new Error('the answer is too long')
        // A type of one byte, then a length that counts itself.
        while (received.length >= 5 && received.length > received.readUInt32BE(1)) {
          const size = received.readUInt32BE(1) + 1
          const [type, body] = [String.fromCharCode(received[0]), received.subarray(5, size)]
          received = received.subarray(size)
          onMessage(type, body)
        }
      } catch (error) {
        end(error)
      }
    })
  })
}

/** The client's side of one SCRAM-SHA-256 exchange; `nonce` is given by tests alone. */
export function scramClient(password, { user = '', nonce = randomBytes(18).toString('base64') } = {}) {
  // PostgreSQL takes the user from the startup message and ignores the one in here.
  const firstBare = `n=${user},r=${nonce}`
  let expected
  return {
    first: () => `${GS2_HEADER}${firstBare}`,
    /** The answer to the server's first message; throws when that is for another exchange. */
    final(serverFirst) {
      const { r: whole = '', s: salt = '', i: rounds = '' } = attributes(serverFirst)
      const iterations = Number(rounds)
      if (!whole.startsWith(nonce) || whole.length === nonce.length) throw new Error('the server answered the sign-in of somebody else')
      if (!Number.isInteger(iterations) || iterations < 1 || iterations > ITERATIONS_MAX) throw new Error(`the server asks for ${rounds} rounds`)
      const salted = pbkdf2Sync(password.normalize('NFKC'), Buffer.from(salt, 'base64'), iterations, 32, 'sha256')
      const clientKey = hmac(salted, 'Client Key')
      const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${whole}`
      const signed = `${firstBare},${serverFirst},${withoutProof}`
      const signature = hmac(createHash('sha256').update(clientKey).digest(), signed)
      expected = hmac(hmac(salted, 'Server Key'), signed)
      return `${withoutProof},p=${Buffer.from(clientKey.map((byte, index) => byte ^ signature[index])).toString('base64')}`
    },
    /** Throws unless the server's final message proves that it knows the password, too. */
    verify(serverFinal) {
      const given = Buffer.from(attributes(serverFinal).v ?? '', 'base64')
      if (expected === undefined || given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error('the server does not know the password: another one listens there')
    },
  }
}

const attributes = (text) => Object.fromEntries(text.split(',').map((part) => [part[0], part.slice(2)]))
const hmac = (key, text) => createHmac('sha256', key).update(text).digest()

function int32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function startup(parameters) {
  const body = Buffer.concat([int32(PROTOCOL), Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`)])
  return Buffer.concat([int32(body.length + 4), body])
}

function message(type, ...parts) {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}

/** The human text of an ErrorResponse: fields of a letter and a text, ended by zeros. */
function errorText(body) {
  return body.toString('utf8').split('\0').find((field) => field.startsWith('M'))?.slice(1) ?? 'an error without words'
}

function cellsOf(body) {
  const cells = []
  let at = 2
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const size = body.readInt32BE(at)
    cells.push(size < 0 ? undefined : body.toString('utf8', at + 4, at + 4 + size))
    at += 4 + Math.max(0, size)
  }
  return cells
}
