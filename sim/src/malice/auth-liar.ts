import { isEvegramError, type AccountId, type DeviceId, type WalletId } from '@evegram/protocol'
import type { ClaimedHead, FetchedBundle, LogPage } from '@evegram/sdk/parts'
import type { AuthMeddler, HonestAuth } from '../services/auth/meddler.js'
import { pageOf, type AuthLie } from './auth-lie.js'
import type { ShownLog } from './shown-log.js'

/** The malicious auth: learns the logs and bundles that pass, and answers in place of the honest one where a lie says so. */
export class AuthLiar implements AuthMeddler {
  readonly #liesTo: (device: string) => readonly AuthLie[]
  readonly #logs = new Map<AccountId, ShownLog>()
  readonly #bundles = new Map<DeviceId, FetchedBundle>()
  readonly #shown = new Map<string, number>()

  constructor(liesTo: (device: string) => readonly AuthLie[]) {
    this.#liesTo = liesTo
  }

  /** The first bundle with a one-time prekey that anybody got of a device. */
  firstBundle(target: DeviceId): FetchedBundle | undefined {
    return this.#bundles.get(target)
  }

  /** Number of the newest true entry of an account that a device was shown; 0 for none. */
  shownSeq(device: string, account: AccountId): number {
    return this.#shown.get(`${device} ${account}`) ?? 0
  }

  /** See {@link AuthMeddler}. */
  async logPage(device: string, account: AccountId, after: number, honest: HonestAuth): Promise<LogPage> {
    // Asked first, whatever is answered: a liar is as far away as an honest server, and fails as often.
    const asked = await answerOf(honest.logPage(account, after))
    const known = 'page' in asked ? this.#learn(asked.page, after) : undefined
    for (const lie of this.#liesTo(device)) {
      const log = await lie.log?.(device, account, known)
      if (log !== undefined) return pageOf(log, after)
    }
    if ('error' in asked) throw asked.error
    this.#shown.set(`${device} ${account}`, after + asked.page.entries.length)
    return asked.page
  }

  /** See {@link AuthMeddler}. */
  async accountOfWallet(device: string, wallet: WalletId, honest: HonestAuth): Promise<ClaimedHead | undefined> {
    const answer = await honest.accountOfWallet(wallet)
    const known = answer === undefined ? undefined : this.#complete(answer.account, answer.seq)
    for (const lie of this.#liesTo(device)) {
      const claimed = lie.wallet === undefined ? 'pass' : await lie.wallet(device, wallet, known)
      if (claimed !== 'pass') return claimed
    }
    return answer
  }

  /** See {@link AuthMeddler}. */
  async fetchBundle(device: string, _account: AccountId, target: DeviceId, honest: () => Promise<FetchedBundle>): Promise<FetchedBundle> {
    const taken = await honest()
    let bundle = taken
    for (const lie of this.#liesTo(device)) bundle = (await lie.bundle?.(device, bundle)) ?? bundle
    if (taken.oneTimePreKey !== undefined && !this.#bundles.has(target)) this.#bundles.set(target, taken)
    return bundle
  }

  /** Adds a page to what is known of a log; the log where it is known to its end. */
  #learn({ account, seq, head, entries, more }: LogPage, after: number): ShownLog | undefined {
    const before = this.#logs.get(account)?.entries ?? []
    if (after <= before.length && after + entries.length >= before.length) {
      // The head of a page is that of the whole log: before the last page it is not that of the entries.
      this.#logs.set(account, { account, seq, head, entries: [...before.slice(0, after), ...entries] })
    }
    return more ? undefined : this.#complete(account, seq)
  }

  #complete(account: AccountId, seq: number): ShownLog | undefined {
    const log = this.#logs.get(account)
    return log?.entries.length === seq && log.seq === seq ? log : undefined
  }
}

/** The page, or that there is no such account; other failures are those of the way there and stay. */
async function answerOf(asked: Promise<LogPage>): Promise<{ readonly page: LogPage } | { readonly error: unknown }> {
  try {
    return { page: await asked }
  } catch (error) {
    if (isEvegramError(error, 'account.not_found')) return { error }
    throw error
  }
}
