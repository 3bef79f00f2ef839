import { draftEntry, sealEntry } from '@evegram/protocol'
import { attempt } from '../../attempt.js'
import type { HostileCase, HostileContext, EnrolledDevice } from '../case.js'
import { post, postForged } from '../forge.js'
import { answerOf, proofFor } from '../../raw/raw-http.js'
import { RawSocket } from '../../raw/raw-socket.js'

/** The promise: a revoked device's sockets are closed within this. */
const REVOKED_WITHIN_MS = 2_000

/** Revokes a device, or closes its account, by its wallet. Returns the answer. */
async function append(context: HostileContext, { device, state }: EnrolledDevice, kind: 'device.revoke' | 'closed'): Promise<string> {
  const purpose = kind === 'closed' ? 'erase' : 'revoke-device'
  const challenge = await context.enrolment.api.challenge(purpose, device.device)
  const draft = kind === 'closed' ? draftEntry(state, kind, {}, challenge.issuedAtMs) : draftEntry(state, kind, { device: device.device }, challenge.issuedAtMs)
  const proof = await device.wallet.signProof({
    domain: context.domain, origin: context.origin, purpose, account: state.account, logSeq: state.seq, logHead: state.head, device: device.device, ...challenge,
  })
  return post(context, state.account, sealEntry(draft, [{ type: 'wallet', proof }]).bytes)
}

/** How a socket ends, and whether it did so in time. */
async function inTime(socket: RawSocket): Promise<string> {
  const startedAt = performance.now()
  const outcome = await socket.outcome(REVOKED_WITHIN_MS * 2)
  return performance.now() - startedAt < REVOKED_WITHIN_MS ? outcome : `${outcome}, late`
}

/** Devices that are no longer welcome. */
export const REVOCATION_CASES: readonly HostileCase[] = [
  {
    name: 'device-revoked', claim: 'the socket of a revoked device is closed in under 2 s, and nothing opens again',
    async run(context) {
      const { addresses, enrolment, http, origin } = context
      const first = await context.newDevice('ton')
      const { device: stolen, state } = await enrolment.enrol(first.device.wallet, first.state)
      const [socket, other] = [await RawSocket.signedIn(addresses.ws, stolen, origin), await RawSocket.signedIn(addresses.ws, first.device, origin)]
      const attempts = [await attempt('the revocation', '201', () => append(context, { device: stolen, state }, 'device.revoke'))]
      attempts.push(await attempt('its socket', 'close 4004', () => inTime(socket)))
      attempts.push(await attempt('the socket of the other device', 'still open', () => other.outcome(200)))
      const token = stolen.tokens.accessToken
      attempts.push(await attempt('its access token', '401 auth.token_revoked', () => http.ask('/v1/prekeys', {
        headers: { authorization: `DPoP ${token}`, dpop: proofFor(stolen.signer, origin, 'GET', '/v1/prekeys', token) },
      }).then(answerOf)))
      attempts.push(await attempt('its refresh token', '401 auth.token_revoked', () => http.ask('/v1/auth/refresh', {
        method: 'POST', json: { refreshToken: stolen.tokens.refreshToken }, headers: { dpop: proofFor(stolen.signer, origin, 'POST', '/v1/auth/refresh') },
      }).then(answerOf)))
      attempts.push(await attempt('a new session', 'account.device_revoked', () => enrolment.api.openSession(stolen.signer).then(() => 'opened', codeOf)))
      attempts.push(await attempt('a new socket', 'auth.token_revoked, close 4002', async () => {
        const late = await RawSocket.connect(addresses.ws)
        await late.hello(stolen, origin).catch(() => undefined)
        return late.outcome()
      }))
      attempts.push(await attempt('the device added once more, by the wallet itself', '403 account.device_revoked', async () => {
        const page = await enrolment.api.logPage(state.account, 0)
        return postForged(context, { wallet: first.device.wallet, keys: stolen.keys, state: { ...state, seq: page.seq, head: page.head } })
      }))
      other.drop()
      return attempts
    },
  },
  {
    name: 'socket-replaced', claim: 'the newest socket of a device wins, the older one is told',
    async run(context) {
      const { device } = await context.newDevice()
      const older = await RawSocket.signedIn(context.addresses.ws, device, context.origin)
      const newer = await RawSocket.signedIn(context.addresses.ws, device, context.origin)
      const attempts = [
        await attempt('the older one', 'close 4005', () => inTime(older)),
        await attempt('the newer one', 'still open', () => newer.outcome(200)),
      ]
      newer.drop()
      return attempts
    },
  },
  {
    name: 'account-closed', claim: 'all sockets of a closed account are closed, and its log takes nothing more',
    async run(context) {
      const one = await context.newDevice('terra')
      const socket = await RawSocket.signedIn(context.addresses.ws, one.device, context.origin)
      return [
        await attempt('the closing', '201', () => append(context, one, 'closed')),
        await attempt('its socket', 'close 4014', () => inTime(socket)),
        await attempt('a new session', 'account.closed', () => context.enrolment.api.openSession(one.device.signer).then(() => 'opened', codeOf)),
        await attempt('another device', '403 account.closed', async () => {
          const page = await context.enrolment.api.logPage(one.state.account, 0)
          return postForged(context, { wallet: one.device.wallet, state: { ...one.state, seq: page.seq, head: page.head } })
        }),
      ]
    },
  },
]

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error)
}
