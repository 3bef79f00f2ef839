import type { HttpServer } from '@evegram/platform'
import { LIMITS } from '@evegram/protocol'
import { z } from 'zod'
import { base64urlOf } from '../key-thumbprint.js'
import type { OneTimePrekey, SignedPrekey } from '../ports/prekey-store.js'
import { PREKEY_RULES, type PrekeyBundle, type Prekeys } from '../prekeys.js'
import { authenticate, type Authentication } from './authenticate.js'
import { accountField, bytesAnswer, bytesField, deviceField, responses, SIGNED_IN, timeAnswer } from './schemas.js'

const idField = z.number().int().min(1).max(PREKEY_RULES.idMax)
/** libsignal public key: type byte 5, then 32 bytes. */
const keyField = bytesField(33).refine((bytes) => bytes[0] === 5, 'a key of type 5')
const oneTimeField = z.strictObject({ id: idField, publicKey: keyField })
const signedField = z.strictObject({
  id: idField, publicKey: keyField, signature: bytesField(64),
  createdAtMs: z.number().int().min(0).max(2 ** 48 - 1), deviceSignature: bytesField(64),
})
const oneTimeAnswer = z.object({ id: z.number(), publicKey: bytesAnswer })
const bundleAnswer = z.object({
  account: z.string(), device: z.string(), registrationId: z.number(), identityKey: bytesAnswer, signingKey: bytesAnswer,
  signedPreKey: z.object(
    { id: z.number(), publicKey: bytesAnswer, signature: bytesAnswer, createdAtMs: timeAnswer, deviceSignature: bytesAnswer }
  ),
  oneTimePreKey: oneTimeAnswer.nullable().describe('null: none left for this requester'),
}).describe('The bundle; verify it against the account log')

/** What the routes of the prekey directory need. */
export interface PrekeyRouteParts extends Authentication {
  readonly prekeys: Prekeys
  /** Called with every bundle that was handed out. */
  readonly onTaken: (bundle: PrekeyBundle) => void
}

/** `/v1/prekeys`. */
export function prekeyRoutes(server: HttpServer, parts: PrekeyRouteParts): void {
  const { prekeys } = parts

  server.put('/v1/prekeys', {
    schema: {
      tags: ['Prekeys'], summary: 'Replace the signed prekey and add one-time prekeys of this device', security: SIGNED_IN,
      description: `At most ${String(LIMITS.oneTimePrekeysMax)} one-time prekeys are held; their ids are never used again. `
        + 'deviceSignature is Ed25519 over lp("evegram/prekey/v1") lp(device) lp(id u64) lp(createdAtMs u64) lp(publicKey).',
      body: z.strictObject({
        registrationId: z.number().int().min(0).max(0x3fff), signedPreKey: signedField, oneTimePreKeys: z.array(oneTimeField).max(
          LIMITS.oneTimePrekeysMax
        ),
      }),
      response: responses(200, z.object({ oneTimeRemaining: z.number() }).describe('Published')),
    },
  }, async (request) => {
    const { account, device } = await authenticate(request, parts)
    const { registrationId, signedPreKey, oneTimePreKeys } = request.body
    return prekeys.publish(account, device, { registrationId, signedPrekey: signedPreKey, oneTimePrekeys: oneTimePreKeys })
  })

  server.get('/v1/prekeys', {
    schema: {
      tags: ['Prekeys'], summary: 'What the server holds of this device', security: SIGNED_IN,
      response: responses(200, z.object({
        oneTimeRemaining: z.number(), signedPreKeyId: z.number().describe('0 when there is none'), signedPreKeyCreatedAtMs: timeAnswer,
      }).describe('State')),
    },
  }, async (request) => {
    const { account, device } = await authenticate(request, parts)
    const status = await prekeys.status(account, device)
    return {
      oneTimeRemaining: status?.oneTimeRemaining ?? 0,
      signedPreKeyId: status?.signedPrekey.id ?? 0,
      signedPreKeyCreatedAtMs: status?.signedPrekey.createdAtMs ?? 0,
    }
  })

  server.post('/v1/prekeys/:account/:device', {
    schema: {
      tags: ['Prekeys'], summary: 'Take the keys to start a session with a device', security: SIGNED_IN,
      description: 'A one-time prekey is handed out once. Each requester may ask 6 times for a device, one more every 10 minutes.',
      params: z.object({ account: accountField, device: deviceField }),
      response: responses(200, bundleAnswer),
    },
  }, async (request) => {
    const caller = await authenticate(request, parts)
    const bundle = await prekeys.take(caller.account, request.params.account, request.params.device)
    parts.onTaken(bundle)
    return bundleJson(bundle)
  })
}

function bundleJson(bundle: PrekeyBundle): z.input<typeof bundleAnswer> {
  return {
    account: bundle.account, device: bundle.device, registrationId: bundle.registrationId,
    identityKey: base64urlOf(bundle.identityKey), signingKey: base64urlOf(bundle.signingKey),
    signedPreKey: signedJson(bundle.signedPrekey),
    oneTimePreKey: bundle.oneTimePrekey === undefined ? null : oneTimeJson(bundle.oneTimePrekey),
  }
}

function oneTimeJson(key: OneTimePrekey): { id: number; publicKey: string } {
  return { id: key.id, publicKey: base64urlOf(key.publicKey) }
}

function signedJson(key: SignedPrekey): z.input<typeof bundleAnswer>['signedPreKey'] {
  return {
    ...oneTimeJson(key), signature: base64urlOf(key.signature), createdAtMs: key.createdAtMs, deviceSignature: base64urlOf(
      key.deviceSignature
    ),
  }
}
