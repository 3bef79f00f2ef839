import {
  EvegramError, extendsLog, headOf, isEvegramError, sleep, verifyLog, type AccountId, type AccountState, type Clock,
  type ErrorCode, type LogContext,
} from '@evegram/protocol'
import type { AuthApi, LogPage } from '../api/auth-api.js'
import type { AccountRecord } from './account-row.js'

/** Entries verified without a pause: about 40 ms of signatures, so that a long log does not freeze a page. */
const ENTRIES_PER_TURN = 8

/** What {@link extendAccount} needs. */
export interface ExtendOptions {
  readonly api: Pick<AuthApi, 'logPage'>
  readonly clock: Clock
  readonly context: LogContext
}

/**
 * Asks for all entries behind `known` and verifies them one by one. Returns the record as the server has it now. Rejects with
 * `account.log_rolled_back` when what it shows does not go on from `known` (an unknown account where one was known included),
 * `account.log_withheld` when it names a state that it does not show, `account.log_invalid` (details: `seq`, `rule`, `reason`)
 * when an entry breaks a rule, `account.mismatch` when it belongs to another account, `account.not_found`.
 */
export async function extendAccount(account: AccountId, known: AccountRecord, options: ExtendOptions): Promise<AccountRecord> {
  let { state } = known
  const heads = [...known.heads]
  for (;;) {
    const page = await fetchPage(account, state, options.api)
    const entries = page.entries
    const check = extendsLog(state, page, entries)
    if (check.status === 'refused') throw refusal(check.code, { seq: state.seq, reason: check.reason })
    for (let from = 0; from < entries.length; from += ENTRIES_PER_TURN) {
      if (from > 0) await sleep(options.clock, 0)
      state = verifyPart(state, entries.slice(from, from + ENTRIES_PER_TURN), options.context)
    }
    heads.push(...entries.map(headOf))
    if (state.seq >= page.seq) return state.seq === 0 ? notFound() : { state, heads }
    if (!page.more) throw refusal('account.log_withheld', { seq: state.seq, claimed: page.seq })
  }
}

function refusal(code: ErrorCode, details: Readonly<Record<string, unknown>>): EvegramError {
  return new EvegramError(code, { operation: 'verify account log', details })
}

function notFound(): never {
  throw new EvegramError('account.not_found', { operation: 'fetch account log' })
}

async function fetchPage(account: AccountId, state: AccountState, api: Pick<AuthApi, 'logPage'>): Promise<LogPage> {
  try {
    return await api.logPage(account, state.seq)
  } catch (error) {
    if (state.seq === 0 || !isEvegramError(error, 'account.not_found')) throw error
    // A log that was there does not go away: closing is an entry too.
    throw new EvegramError('account.log_rolled_back', { operation: 'verify account log', details: { seq: state.seq }, cause: error })
  }
}

function verifyPart(state: AccountState, entries: readonly Uint8Array[], context: LogContext): AccountState {
  const result = verifyLog(entries, context, state)
  if (result.status === 'applied') return result.state
  const details = { seq: state.seq + result.index + 1, rule: result.code, reason: result.reason }
  throw refusal(result.code === 'account.mismatch' ? result.code : 'account.log_invalid', details)
}
