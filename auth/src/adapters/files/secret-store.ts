import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { EvegramError, equalBytes } from '@evegram/protocol'
import { checkSecretName, type SecretStore } from '../../ports/secret-store.js'
import { SerialByKey } from '../../serial-by-key.js'

/** Writes that wait in one process: far more than there are secrets. */
const WRITES_MAX = 256

/**
 * {@link SecretStore} as one file each, 0600 in a folder of 0700. The folder is made when missing, and is one process's at a time: a composition
 * root holds a lock on it.
 */
export function fileSecretStore(folder: string): SecretStore {
  const turns = new SerialByKey({ total: WRITES_MAX, perKey: WRITES_MAX })
  return {
    read: async (name) => {
      const path = pathOf(folder, name)
      return guarded('read secret', () => readIfThere(path))
    },
    write: async (name, secret, expected) => {
      const path = pathOf(folder, name)
      return turns.run(name, () => guarded('write secret', async () => {
        const standing = await readIfThere(path)
        if (standing !== undefined && (expected === undefined || !equalBytes(standing, expected))) return standing
        if (standing === undefined && expected !== undefined) throw new EvegramError('unavailable.store', { operation: 'write secret', details: { reason: 'the one before is gone' } })
        await replaceFile(folder, path, secret)
        return secret
      }))
    },
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return Uint8Array.from(await readFile(path))
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
}

async function replaceFile(folder: string, path: string, secret: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(secret)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  // The new name is durable only once the folder is synced.
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function pathOf(folder: string, name: string): string {
  checkSecretName(name)
  return join(folder, `${name}.secret`)
}

function isMissing(failure: unknown): boolean {
  return failure instanceof Error && 'code' in failure && failure.code === 'ENOENT'
}

async function guarded<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof EvegramError) throw cause
    throw new EvegramError('unavailable.store', { operation, cause })
  }
}
