import { equalBytes, EvegramError } from '@evegram/protocol'
import { checkSecretName, type SecretStore } from '../../ports/secret-store.js'

/** Secrets in memory, which end with the process: for tests and harnesses. Any number of stores may share `values`. */
export function memorySecretStore(values = new Map<string, Uint8Array>()): SecretStore {
  return {
    read: async (name) => {
      checkSecretName(name)
      return values.get(name)?.slice()
    },
    write: async (name, secret, expected) => {
      checkSecretName(name)
      const standing = values.get(name)
      if (standing !== undefined && (expected === undefined || !equalBytes(standing, expected))) return standing.slice()
      if (standing === undefined && expected !== undefined) throw new EvegramError('unavailable.store', { operation: 'write secret', details: { reason: 'the one before is gone' } })
      values.set(name, secret.slice())
      return secret
    },
  }
}
