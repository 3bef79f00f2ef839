import { EvegramError } from '@evegram/protocol'
import type { Client } from '../client.js'
import { createEvegramClient, type ClientOptions } from '../create-client.js'
import { loadSignal } from '../crypto/load-signal.js'
import { noStorage } from '../store/indexeddb-schema.js'
import { openIndexedDbStore } from '../store/indexeddb.js'
import { systemClock, systemRandom, webSystem } from '../system.js'
import { Tab } from '../tabs/tab.js'
import { askToKeepStorage } from './storage-room.js'
import { webTabBus, webTabLocks } from './web-tabs.js'

/** {@link ClientOptions} with the name of a profile instead of a store. */
export interface BrowserClientOptions extends Omit<ClientOptions, 'store'> {
  /** Name of the profile in this origin, made when missing: 1 to 64 letters, digits, `_`, `.` and `-`. All tabs that open it share one client. */
  readonly profile: string
}

const PROFILE_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/

/**
 * `createClient` for pages: the profile is in IndexedDB, sealed by a key that cannot be exported, and all tabs of the origin share it. One tab leads, with the store and the
 * connection; the others ask it, through an object that is used in the same way. When the leader is closed or crashes another tab leads, and what was asked
 * for goes on there: messages are said once, other changes that nobody answered reject with `client.leader_lost`. `wallet` is used where this tab signs in.
 *
 * Rejects as `createClient` does where this tab is to lead, with `client.store` where the browser keeps nothing for this page, `client.insecure_url` on pages without
 * TLS beyond this machine, `client.tab_version` when a tab with another version of the page leads, `invalid.argument` for the name.
 */
export async function openBrowserClient({ profile, wallet, ...options }: BrowserClientOptions): Promise<Client> {
  if (!PROFILE_PATTERN.test(profile)) throw new EvegramError('invalid.argument', { operation: 'open profile', advice: 'A profile is named by 1 to 64 letters, digits, _, . and -.' })
  if (Reflect.get(globalThis, 'indexedDB') === undefined) throw noStorage(undefined)
  const locks = webTabLocks(profile)
  const client = await Tab.open({
    bus: webTabBus(profile, systemRandom), locks, clock: systemClock, random: systemRandom,
    open: async (first, onLost) => {
      const store = await openIndexedDbStore(profile, { onLost })
      // Nobody looks at a wallet's window for a tab that takes over.
      return createEvegramClient({ ...options, system: options.system ?? webSystem(), store, ...(first && wallet !== undefined ? { wallet } : {}) })
    },
    warmUp: () => {
      // What fails here fails again, and is told, when this tab leads.
      loadSignal({ random: systemRandom, ...(options.signalPrimitives === undefined ? {} : { primitives: options.signalPrimitives }) }).catch(() => undefined)
    },
  })
  void askToKeepStorage()
  return client
}
