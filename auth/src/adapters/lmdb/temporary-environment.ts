import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RootDatabase } from 'lmdb'
import { openAuthEnvironment } from './open-environment.js'

/** An LMDB environment in a folder of its own, which `remove` deletes. */
export interface TemporaryEnvironment {
  readonly folder: string
  readonly environment: RootDatabase
  /** Closes the environment and opens it again, as a restart does. */
  reopen(): Promise<TemporaryEnvironment>
  remove(): Promise<void>
}

/** A fresh environment for tests. */
export async function temporaryEnvironment(): Promise<TemporaryEnvironment> {
  return openIn(await mkdtemp(join(tmpdir(), 'evegram-auth-')))
}

function openIn(folder: string): TemporaryEnvironment {
  const environment = openAuthEnvironment(join(folder, 'store'))
  return {
    folder,
    environment,
    reopen: async () => {
      await environment.close()
      return openIn(folder)
    },
    remove: async () => {
      await environment.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
