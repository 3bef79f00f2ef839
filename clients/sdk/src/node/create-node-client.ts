import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isEvegramError } from '@evegram/protocol'
import type { Client } from '../client.js'
import { createClient, isSignedIn, type ClientOptions } from '../create-client.js'
import { openSqliteStore, STORE_FILE } from '../store/sqlite.js'
import { nodeSystem } from './node-system.js'
import { nodePrimitives } from './signal-primitives.js'

/** {@link ClientOptions} with a folder instead of a store; the rest of the platform is Node's unless given. */
export interface NodeClientOptions extends Omit<ClientOptions, 'store'> {
  /** Folder of the profile, made when missing. One process at a time. */
  readonly profile: string
}

/**
 * `createClient` for Node: SQLite store in the folder `profile`, the `ws` package's sockets, Node's clock and cryptography.
 * Rejects as `createClient` does, and with `conflict.profile_in_use` (details: `pid`) when another process has the profile.
 */
export async function createNodeClient({ profile, ...options }: NodeClientOptions): Promise<Client> {
  const store = await openSqliteStore(profile)
  return createClient({ system: nodeSystem(), signalPrimitives: nodePrimitives, ...options, store })
}

/** Whether the profile in `folder` is a signed-in device. Makes nothing. A profile that another process uses right now counts as one. */
export async function hasDevice(folder: string): Promise<boolean> {
  if (!existsSync(join(folder, STORE_FILE))) return false
  try {
    const store = await openSqliteStore(folder)
    try {
      return await isSignedIn(store)
    } finally {
      await store.close()
    }
  } catch (error) {
    if (isEvegramError(error, 'conflict.profile_in_use')) return true
    throw error
  }
}
