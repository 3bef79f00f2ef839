import { EvegramError, type Random } from '@evegram/protocol'
import type { SecretStore } from './ports/secret-store.js'

/** Bytes of a secret of ours. */
export const SECRET_BYTES = 32

/**
 * The secret called `name`, made and stored when there is none; of processes that make it at once, all get the same. Rejects with
 * `unavailable.store`, also for one of another length.
 */
export async function secretCalled(name: string, store: SecretStore, random: Random): Promise<Uint8Array> {
  const secret = await store.read(name) ?? await store.write(name, random.bytes(SECRET_BYTES), undefined)
  if (secret.length === SECRET_BYTES) return secret
  throw new EvegramError(
    'unavailable.store', { operation: `read ${name}`, advice: `The secret ${name} is damaged: restore it from a backup.` },
  )
}
