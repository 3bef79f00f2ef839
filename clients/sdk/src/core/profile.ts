import { CborFields, decodeCbor, encodeCbor, hexOf, idBytes, parseAccountId, type AccountId } from '@evegram/protocol'
import type { LocalStore, StoreChange } from '../store/local-store.js'

/** What a signed-in profile knows about itself: written once, when its device is in the account log. */
export interface Profile {
  readonly account: AccountId
  /** Server that the profile belongs to. */
  readonly domain: string
  readonly serverId: string
}

const PROFILE_KEY = 'profile'
/** Key of the cursor in table `meta`. */
export const CURSOR_KEY = 'cursor'

/** The profile, or undefined before the first login ended. */
export async function readProfile(store: Pick<LocalStore, 'get'>): Promise<Profile | undefined> {
  const row = await store.get('meta', PROFILE_KEY)
  if (row === undefined) return undefined
  const fields = new CborFields(decodeCbor(row, 4_096), 'client.store')
  return { account: parseAccountId(hexOf(fields.bytes('account', 16))), domain: fields.text('domain', 512), serverId: fields.text('serverId', 256) }
}

/** The write that stores the profile. */
export function profileChange(profile: Profile): StoreChange {
  return { table: 'meta', key: PROFILE_KEY, value: encodeCbor({ account: idBytes(profile.account), domain: profile.domain, serverId: profile.serverId }) }
}

/** The cursor T: everything for this device at log times <= T (ms since 1970) is committed. 0 without one. */
export async function readCursor(store: Pick<LocalStore, 'get'>): Promise<number> {
  const row = await store.get('meta', CURSOR_KEY)
  return row === undefined ? 0 : decodeCursor(row)
}

/** The cursor of its row, in ms since 1970. Throws `client.store` on a row of another shape. */
export function decodeCursor(row: Uint8Array): number {
  return new CborFields(decodeCbor(row, 64), 'client.store').uint('ms')
}

/** The write that moves the cursor. */
export function cursorChange(cursorMs: number): StoreChange {
  return { table: 'meta', key: CURSOR_KEY, value: encodeCbor({ ms: cursorMs }) }
}
