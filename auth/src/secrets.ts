import { EvegramError, type Random } from '@evegram/protocol'
import type { SecretStore } from './ports/secret-store.js'

/** Bytes of a secret of ours. */
export const SECRET_BYTES = 32

/** The secret called `name`, made and stored when there is none. Rejects with `unavailable.store`, also for a file of another length. */
export async function secretCalled(name: string, store: SecretStore, random: Random): Promise<Uint8Array> {
  const known = await store.read(name)
  if (known !== undefined) {
    if (known.length !== SECRET_BYTES) {
      throw new EvegramError(
        'unavailable.store', { operation: `read ${name}`, advice: `The secret ${name} is damaged: restore it from a backup.` },
      )
    }
    return known
  }
  const made = random.bytes(SECRET_BYTES)
  await store.write(name, made)
  return made
}
