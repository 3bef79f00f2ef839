// Asks a service that speaks in lines (NATS, Redis) something, and waits for the answer.
import { connect } from 'node:net'

const ANSWER_CHARS_MAX = 64 * 1024

/** Connects to `host:port`, sends `request` (once `greeting` was seen, when given) and resolves with everything received when it matches `expected`. */
export function askByLines(address, { request, expected, greeting }, timeoutMs) {
  return new Promise((resolve, reject) => {
    const [host, port] = address.split(':')
    const socket = connect({ host, port: Number(port) })
    let answer = ''
    let hasAsked = false
    const timer = setTimeout(() => end(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    const end = (error) => {
      clearTimeout(timer)
      socket.destroy()
      if (error === undefined) resolve(answer)
      else reject(error)
    }
    const ask = () => {
      hasAsked = true
      socket.write(request)
    }
    socket.setEncoding('utf8')
    socket.on('connect', () => { if (greeting === undefined) ask() })
    socket.on('error', end)
    socket.on('close', () => end(new Error(answer === '' ? 'the connection was closed' : `answered ${JSON.stringify(answer.slice(0, 120))}`)))
    socket.on('data', (text) => {
      answer += text
      if (!hasAsked && greeting?.test(answer) === true) ask()
      if (hasAsked && expected.test(answer)) end()
      else if (answer.length > ANSWER_CHARS_MAX) end(new Error('the answer is too long'))
    })
  })
}
