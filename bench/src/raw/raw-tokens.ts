import type { AuthApi, SessionTokens, TokenSource } from '@evegram/sdk/parts'
import type { RawDevice } from './raw-device.js'

/** A token is renewed when it has less than this left. */
const TOKEN_LEFT_MS = 60_000
/** One new session at a time for each device: of many that are opened at once the first would be displaced by the last. */
const renewing = new WeakMap<RawDevice, Promise<SessionTokens>>()

/** Tokens of a raw device as the API wants them: a run may take longer than a token lives. */
export function tokenSourceOf(device: RawDevice, api: AuthApi): TokenSource {
  let isStale = false
  return {
    signer: device.signer,
    accessToken: async () => {
      if (isStale || device.tokens.accessTokenExpiresAtMs < Date.now() + TOKEN_LEFT_MS) device.tokens = await renewed(device, api)
      isStale = false
      return device.tokens.accessToken
    },
    forgetAccessToken: () => { isStale = true },
  }
}

function renewed(device: RawDevice, api: AuthApi): Promise<SessionTokens> {
  const running = renewing.get(device) ?? api.openSession(device.signer).finally(() => renewing.delete(device))
  renewing.set(device, running)
  return running
}
