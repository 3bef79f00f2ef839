import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { PROTOCOL_VERSION } from '@evegram/protocol'
import { hasDevice } from '@evegram/sdk/node'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { oneLine } from '../visible.js'

/** Difference of clocks that still lets people sign in (proofs live for minutes). */
const CLOCK_SKEW_MS_MAX = 60_000
const PROBE_TIMEOUT_MS = 5_000
const NOT_OURS = 'the answer is not the one of an Evegram server'

interface Finding {
  readonly check: 'Node' | 'server' | 'protocol' | 'clock' | 'TLS' | 'WebSocket' | 'profile'
  readonly ok: boolean
  readonly found: string
  readonly fix: string
}

/** `evegram doctor`: looks for what usually goes wrong between a client and its server, and says how to mend it. */
export async function doctor(context: Context): Promise<void> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const findings: Finding[] = [
    { check: 'Node', ok: major > 20 || (major === 20 && minor >= 19), found: process.versions.node, fix: 'Install Node 20.19 or newer.' },
    ...(await serverFindings(context.server)),
  ]
  const signedIn = await hasDevice(context.folder)
  findings.push({
    check: 'profile', ok: signedIn, found: `${context.folder} ${signedIn ? 'is signed in' : 'is not signed in'}`, fix: 'evegram login --wallet <file>',
  })
  for (const { check, ok, found, fix } of findings) {
    const mark = ok ? context.output.paint('green', 'ok  ') : context.output.paint('red', 'FAIL')
    const text = `${mark} ${check}: ${oneLine(found)}${ok ? '' : `\n     ${fix}`}`
    await context.output.result({ check, ok, found, ...(ok ? {} : { fix }) }, text)
  }
  const failed = findings.filter(({ ok, check }) => !ok && check !== 'profile')
  if (failed.some(({ check }) => check === 'server')) process.exitCode = EXIT_CODES.unreachable[0]
  else if (failed.length > 0) process.exitCode = EXIT_CODES.failed[0]
}

async function serverFindings(server: string): Promise<Finding[]> {
  const base = server.replace(/^ws/i, 'http')
  const url = new URL(base)
  const discovery = await discover(`${base.replace(/\/+$/, '')}/.well-known/evegram`)
  if (typeof discovery === 'string') {
    const fix = discovery.startsWith('421')
      ? 'The server does not serve this host name: set EVEGRAM_PUBLIC_URL on it to the address that people use.'
      : `Is a server running at ${server}? Try: npm start`
    return [{ check: 'server', ok: false, found: discovery, fix }]
  }
  const domain = discovery['domain']
  const findings: Finding[] = [{
    check: 'server', ok: domain === url.host, found: `${server} serves ${String(domain)}`,
    fix: 'Wallets sign for the domain of the address: use that address, or set EVEGRAM_PUBLIC_URL on the server.',
  }]
  const { min, max } = { ...(discovery['protocol'] as Readonly<Record<string, unknown>> | undefined) }
  findings.push({
    check: 'protocol', ok: Number(min) <= PROTOCOL_VERSION && PROTOCOL_VERSION <= Number(max),
    found: `${String(PROTOCOL_VERSION)} here, ${String(min)} to ${String(max)} there`, fix: 'Update the client or the server.',
  })
  const skewMs = Math.abs(Number(discovery['serverTimeMs']) - Date.now())
  findings.push({
    check: 'clock', ok: skewMs <= CLOCK_SKEW_MS_MAX, found: `${String(Math.round(skewMs))} ms apart`, fix: 'Set the clock of this machine.',
  })
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  findings.push({
    check: 'TLS', ok: loopback || url.protocol === 'https:', found: loopback ? 'not needed on this machine' : url.protocol,
    fix: 'Use https:// beyond this machine; docs/operations.md has reverse-proxy snippets.',
  })
  const socket = String(discovery['ws'])
  const answer = await upgradeAnswer(socket)
  findings.push({
    check: 'WebSocket', ok: answer === 'ready', found: `${socket} ${answer}`,
    fix: 'The proxy must pass the Upgrade and Connection headers and the Host; docs/operations.md has snippets.',
  })
  return findings
}

/** What discovery says, or why it says nothing. */
async function discover(url: string): Promise<Readonly<Record<string, unknown>> | string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS), redirect: 'error' })
    if (!response.ok) return `${String(response.status)} ${response.statusText}`
    const value: unknown = await response.json()
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : NOT_OURS
  } catch (error) {
    if (error instanceof SyntaxError) return NOT_OURS
    return error instanceof Error ? reasonOf(error) : 'no answer'
  }
}

/** `ready` when the socket tier takes an upgrade, or what it answered instead. */
function upgradeAnswer(socket: string): Promise<string> {
  if (!/^wss?:\/\//.test(socket) || !URL.canParse(socket)) return Promise.resolve('is not an address of a WebSocket')
  const url = new URL(socket.replace(/^ws/, 'http'))
  return new Promise((resolve) => {
    const headers = {
      connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'ZXZlZ3JhbSBkb2N0b3IgIQ==', 'sec-websocket-version': '13',
    }
    const probe = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, { headers, timeout: PROBE_TIMEOUT_MS })
    const finish = (answer: string): void => {
      resolve(answer)
      probe.destroy()
    }
    probe.on('upgrade', () => finish('ready'))
    probe.on('response', ({ statusCode }) => finish(`answers ${String(statusCode)}`))
    probe.on('timeout', () => finish('does not answer'))
    probe.on('error', (error) => finish(reasonOf(error)))
    probe.end()
  })
}

/** The reason behind a failed request: undici and node hide it one level down. */
function reasonOf(error: Error): string {
  const inner = error.cause instanceof Error ? error.cause : error
  return inner.message === '' && 'code' in inner ? String(inner.code) : inner.message
}
