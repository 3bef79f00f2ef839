import type { AuthStores } from '../../ports/auth-stores.js'
import { MemoryAccounts } from './accounts.js'
import { MemoryNonces } from './nonces.js'
import { MemoryPrekeys } from './prekeys.js'
import { MemorySessions } from './sessions.js'

export { MemoryAccounts, MemoryNonces, MemoryPrekeys, MemorySessions }

/** What the stores of auth hold, with operations that are one step each. */
export interface MemoryAuthData {
  readonly accounts: MemoryAccounts
  readonly nonces: MemoryNonces
  readonly sessions: MemorySessions
  readonly prekeys: MemoryPrekeys
}

/**
 * How one operation of a store is run: `effect` is the whole of it, to be called at most once. A harness decides when it happens, and what
 * the caller hears of it.
 */
export type RunEffect = <Result>(operation: string, effect: () => Result) => Promise<Result>

/** Runs the effect at once. */
export const immediately: RunEffect = async (_operation, effect) => effect()

/** Empty stores. */
export function memoryAuthData(): MemoryAuthData {
  const nonces = new MemoryNonces()
  return { nonces, accounts: new MemoryAccounts(nonces), sessions: new MemorySessions(), prekeys: new MemoryPrekeys() }
}

/** The four stores of auth over `data`, which ends with the process: for tests and harnesses. Any number of adapters may share it. */
export function memoryAuthStores(data: MemoryAuthData, run: RunEffect = immediately): AuthStores {
  const { accounts, nonces, sessions, prekeys } = data
  return {
    accounts: {
      read: (account) => run('read account', () => accounts.read(account)),
      accountOfWallet: (wallet) => run('look up wallet', () => accounts.accountOfWallet(wallet)),
      entries: (account, after, limits) => run('read entries', () => accounts.entries(account, after, limits)),
      append: (request) => run('append entry', () => accounts.append(request)),
    },
    nonces: {
      consume: (nonce) => run('consume nonce', () => nonces.consume(nonce)),
      isUsed: (key) => run('look up nonce', () => nonces.isUsed(key)),
      sweep: (beforeMs, limit) => run('sweep nonces', () => nonces.sweep(beforeMs, limit)),
    },
    sessions: {
      create: (record, activeMax) => run('create session', () => sessions.create(record, activeMax)),
      read: (family) => run('read session', () => sessions.read(family)),
      rotate: (family, generation, atMs, expiresAtMs) => run('rotate session', () => sessions.rotate(family, generation, atMs, expiresAtMs)),
      revoke: (family, reason, atMs) => run('revoke session', () => sessions.revoke(family, reason, atMs)),
      revokeAll: (account, device, reason, atMs) => run('revoke sessions', () => sessions.revokeAll(account, device, reason, atMs)),
      sweep: (beforeMs, limit, from) => run('sweep sessions', () => sessions.sweep(beforeMs, limit, from)),
    },
    prekeys: {
      publish: (account, device, keys, oneTimeMax) => run('publish prekeys', () => prekeys.publish(account, device, keys, oneTimeMax)),
      status: (account, device) => run('read prekeys', () => prekeys.status(account, device)),
      take: (account, device, keep) => run('take prekeys', () => prekeys.take(account, device, keep)),
      remove: (account, device) => run('remove prekeys', () => { prekeys.remove(account, device) }),
    },
  }
}
