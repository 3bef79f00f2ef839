import { Socket } from 'node:net'
import type { Context } from '../context.js'
import { hasDevice } from '@evegram/sdk/node'

/** Difference of clocks that still lets people sign in (proofs live for minutes). */
const CLOCK_SKEW_MS_MAX = 60_000
const PROBE_TIMEOUT_MS = 5_000

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly found: string
  readonly fix?: string
}

/** `evegram doctor`: looks for what usually goes wrong between a client and its server, and says how to mend it. */
export async function doctor(context: Context): Promise<void> {
  const findings: Finding[] = []
  const [major = 0] = process.versions.node.split('.').map(Number)
  findings.push({ check: 'Node', ok: major >= 20, found: process.versions.node, fix: 'Install Node 20 or newer.' })
  findings.push(...(await serverFindings(context.server)))
  const signedIn = await hasDevice(context.folder)
  findings.push({ check: 'profile', ok: signedIn, found: signedIn ? 'signed in' : 'not signed in', fix: 'evegram login --wallet <file>' })
  for (const { check, ok, found, fix } of findings) {
    const mark = ok ? context.output.paint('green', 'ok  ') : context.output.paint('red', 'FAIL')
    await context.output.result({ check, ok, found, ...(ok ? {} : { fix }) }, `${mark} ${check}: ${found}${ok || fix === undefined ? '' : `\n     ${fix}`}`)
  }
  if (findings.some(({ ok, check }) => !ok && check !== 'profile')) process.exitCode = 1
}

async function serverFindings(server: string): Promise<Finding[]> {
  const url = new URL('/.well-known/evegram', server)
  let discovery: Readonly<Record<string, unknown>>
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS), redirect: 'error' })
    if (response.status === 421) {
      return [{ check: 'server', ok: false, found: '421: the server does not serve this host name', fix: 'Set EVEGRAM_PUBLIC_URL on the server to the address that people use.' }]
    }
    discovery = (await response.json()) as Readonly<Record<string, unknown>>
  } catch (error) {
    return [{ check: 'server', ok: false, found: error instanceof Error ? error.message : 'no answer', fix: `Is a server running at ${server}? Try: npm start` }]
  }
  const findings: Finding[] = [{ check: 'server', ok: true, found: String(discovery['domain']) }]
  const skewMs = Math.abs(Number(discovery['serverTimeMs']) - Date.now())
  findings.push({ check: 'clock', ok: skewMs <= CLOCK_SKEW_MS_MAX, found: `${String(Math.round(skewMs))} ms apart`, fix: 'Set the clock of this machine.' })
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  findings.push({
    check: 'TLS', ok: loopback || url.protocol === 'https:', found: loopback ? 'not needed on this machine' : url.protocol,
    fix: 'Use https:// beyond this machine; docs/operations.md has reverse-proxy snippets.',
  })
  const socketUrl = typeof discovery['ws'] === 'string' ? new URL(discovery['ws']) : undefined
  if (socketUrl !== undefined) {
    const status = await upgradeStatus(socketUrl)
    findings.push({
      check: 'WebSocket upgrade', ok: status === 101, found: status === undefined ? 'no answer' : String(status),
      fix: 'The proxy must pass the Upgrade and Connection headers and the Host; docs/operations.md has snippets.',
    })
  }
  return findings
}

/** Status that the server answers to an upgrade; 101 is what a client needs. TLS endpoints are left to `fetch` above and reported as 101. */
function upgradeStatus(url: URL): Promise<number | undefined> {
  if (url.protocol === 'wss:') return Promise.resolve(101)
  return new Promise((resolve) => {
    const socket = new Socket()
    const finish = (status: number | undefined): void => {
      socket.destroy()
      resolve(status)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(undefined))
    socket.on('error', () => finish(undefined))
    socket.on('data', (data: Buffer) => finish(Number(/^HTTP\/1\.1 (\d{3})/.exec(data.toString('latin1'))?.[1]) || undefined))
    socket.connect(Number(url.port) || 80, url.hostname.replace(/^\[|\]$/g, ''), () => {
      socket.write(
        `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          'Sec-WebSocket-Key: ZXZlZ3JhbSBkb2N0b3IgIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      )
    })
  })
}
