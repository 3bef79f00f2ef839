import type { Client } from '../client.js'
import { readProfile } from '../core/profile.js'
import { createClient, type ClientOptions } from '../create-client.js'
import { openSqliteStore, readStoredRow } from '../store/sqlite.js'
import { nodeSigner } from './node-signer.js'
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
  return createClient({ system: nodeSystem(), signalPrimitives: nodePrimitives, loadSigner: nodeSigner, ...options, store })
}

/**
 * Whether the profile in `folder` is a signed-in device. Makes nothing and takes no lock: it answers beside a process that has the
 * profile open, and never stands in the way of one that opens it. Rejects with `client.store`, `incompatible.schema`.
 */
export async function hasDevice(folder: string): Promise<boolean> {
  return (await readProfile({ get: (table, key) => readStoredRow(folder, table, key) })) !== undefined
}
