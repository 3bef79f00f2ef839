import { isEvegramError, sessionRequestBytes } from '@evegram/protocol'
import { attempt, tally } from '../../attempt.js'
import type { HostileCase } from '../case.js'
import { forgeEntry, post } from '../forge.js'
import { answerOf, proofFor } from '../../raw/raw-http.js'

const REPLAYS = 1_000
const SESSION_REPLAYS = 200

/** Good proofs, used again. */
export const REPLAY_CASES: readonly HostileCase[] = [
  {
    name: 'proof-replayed', claim: '1,000 copies of one good entry at once, and one more later',
    async run(context) {
      const { account, bytes } = await forgeEntry(context, { chain: 'solana' })
      return [
        await attempt('at once', `${String(REPLAYS - 1)} x 401 proof.replayed, 1 x 201`, async () =>
          tally(await Promise.all(Array.from({ length: REPLAYS }, () => post(context, account, bytes))))),
        await attempt('later', '401 proof.replayed', () => post(context, account, bytes)),
        await attempt('entries that came of it', '1', async () => String((await context.enrolment.api.logPage(account, 0)).seq)),
      ]
    },
  },
  {
    name: 'session-replayed', claim: 'one signed session request, sent many times with fresh DPoP proofs',
    async run(context) {
      const { device } = await context.newDevice()
      const { nonce } = await context.enrolment.api.challenge('session', device.device)
      const signature = device.signer.sign(sessionRequestBytes({ domain: context.domain, nonce, account: device.account, device: device.device }))
      const json = { account: device.account, device: device.device, nonce, signature: Buffer.from(signature).toString('base64url') }
      const path = '/v1/auth/session'
      const open = async (): Promise<string> =>
        answerOf(await context.http.ask(path, { method: 'POST', json, headers: { dpop: proofFor(device.signer, context.origin, 'POST', path) } }))
      return [
        await attempt('at once', `${String(SESSION_REPLAYS - 1)} x 401 proof.replayed, 1 x 200`, async () => tally(await Promise.all(Array.from({ length: SESSION_REPLAYS }, open)))),
        await attempt('with the nonce of another purpose', '401 proof.nonce', async () => {
          const other = await context.enrolment.api.challenge('add-device', device.device)
          const wrong = { ...json, nonce: other.nonce }
          return answerOf(await context.http.ask(path, { method: 'POST', json: wrong, headers: { dpop: proofFor(device.signer, context.origin, 'POST', path) } }))
        }),
      ]
    },
  },
  {
    name: 'entry-raced', claim: 'two different good entries for one head: one wins, the other is told the head',
    async run(context) {
      const { device, state } = await context.newDevice()
      const entries = await Promise.all([0, 1].map(() => forgeEntry(context, { wallet: device.wallet, state })))
      return [
        await attempt('at once', '1 x 201, 1 x 409 conflict.log_head', async () => tally(await Promise.all(entries.map(({ account, bytes }) => post(context, account, bytes))))),
        await attempt('the SDK is told the number', '2', async () => {
          try {
            await context.enrolment.api.appendEntry(state.account, (await forgeEntry(context, { wallet: device.wallet, state })).bytes)
            return 'appended'
          } catch (error) {
            return isEvegramError(error, 'conflict.log_head') ? String(error.details?.['seq']) : String(error)
          }
        }),
      ]
    },
  },
]
