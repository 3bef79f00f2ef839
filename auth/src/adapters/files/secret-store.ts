import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import type { SecretStore } from '../../ports/secret-store.js'

/** {@link SecretStore} as one file each, 0600 in a folder of 0700. The folder is made when missing. */
export function fileSecretStore(folder: string): SecretStore {
  return {
    read: (name) => guarded('read secret', async () => {
      try {
        return Uint8Array.from(await readFile(pathOf(folder, name)))
      } catch (cause) {
        if (isMissing(cause)) return undefined
        throw cause
      }
    }),
    write: (name, secret) => guarded('write secret', async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await chmod(folder, 0o700)
      const path = pathOf(folder, name)
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
    }),
  }
}

function pathOf(folder: string, name: string): string {
  if (!/^[a-z-]{1,40}$/.test(name)) throw new EvegramError('invalid.argument', { operation: 'name secret' })
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
