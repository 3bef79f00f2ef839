import type { DeviceId } from '@evegram/protocol'
import type { FetchedBundle } from '@evegram/sdk/parts'
import type { ActiveLie, LieTools } from './lie.js'

const DAY_MS = 86_400_000
/** Past the age at which clients refuse a signed prekey. */
const TOO_OLD_MS = 61 * DAY_MS

/** Changes the bundles of the first device that is asked for. */
function changing(tools: LieTools, what: string, change: (bundle: FetchedBundle) => FetchedBundle | undefined | Promise<FetchedBundle>): ActiveLie {
  let target: DeviceId | undefined
  return {
    async bundle(_device, bundle) {
      target ??= bundle.device
      const changed = bundle.device === target ? await change(bundle) : undefined
      if (changed === undefined) return bundle
      tools.changed(`${what} of ${bundle.device.slice(0, 8)}`)
      return changed
    },
  }
}

/** Puts keys of the liar into a bundle: all, the identity, or the signed prekey with either signature. */
export function swappedBundle(tools: LieTools): ActiveLie {
  const variant = tools.random.pick(['all', 'identity', 'signed prekey', 'signed prekey, its key alone'] as const)
  return changing(tools, `bundle keys (${variant})`, async (bundle) => {
    const [keys] = await tools.keys.devices()
    const signedPreKey = await tools.keys.signedPrekey(bundle.device, bundle.signedPreKey)
    switch (variant) {
      case 'all': {
        const { identity, signing, registrationId } = keys
        return { ...bundle, identityKey: identity.publicKey, signingKey: signing.publicKey, registrationId, signedPreKey }
      }
      case 'identity': return { ...bundle, identityKey: keys.identity.publicKey }
      case 'signed prekey': return { ...bundle, signedPreKey }
      case 'signed prekey, its key alone': return { ...bundle, signedPreKey: { ...bundle.signedPreKey, publicKey: signedPreKey.publicKey } }
      default: return variant satisfies never
    }
  })
}

/** Puts a key of the liar in place of the one-time prekey, which no signature covers. */
export function swappedOneTimeKey(tools: LieTools): ActiveLie {
  return changing(tools, 'one-time prekey', async (bundle) => {
    const [, { identity }] = await tools.keys.devices()
    return { ...bundle, oneTimePreKey: { id: bundle.oneTimePreKey?.id ?? 1, publicKey: identity.publicKey } }
  })
}

/** Hands out a signed prekey of long ago: with its true date, which makes it the first one that was ever seen, or with an older one. */
export function oldBundle(tools: LieTools): ActiveLie {
  const isRedated = tools.random.chance(0.5)
  return changing(tools, 'old bundle', (bundle) => {
    const { signedPreKey } = bundle
    if (isRedated) return { ...bundle, signedPreKey: { ...signedPreKey, createdAtMs: Math.max(0, signedPreKey.createdAtMs - TOO_OLD_MS) } }
    const first = tools.firstBundle(bundle.device)
    if (first === undefined || first.signedPreKey.id === signedPreKey.id) return undefined
    return { ...bundle, signedPreKey: first.signedPreKey }
  })
}

/** Hands out a one-time prekey that somebody got before. */
export function oneTimeKeyTwice(tools: LieTools): ActiveLie {
  return changing(tools, 'one-time prekey again', (bundle) => {
    const before = tools.firstBundle(bundle.device)?.oneTimePreKey
    return before === undefined || before.id === bundle.oneTimePreKey?.id ? undefined : { ...bundle, oneTimePreKey: before }
  })
}

/** Takes the one-time prekey out of a bundle. */
export function noOneTimeKey(tools: LieTools): ActiveLie {
  return changing(tools, 'no one-time prekey', ({ oneTimePreKey, ...bundle }) => (oneTimePreKey === undefined ? undefined : bundle))
}
