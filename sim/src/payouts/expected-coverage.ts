import { STRIKES } from './strikes.js'

/** Calls that change something outside: a process is killed before and after each. */
const WRITES = ['ledger.openAccounts', 'ledger.submit', 'ledger.moveCursor', 'payouts.create', 'payouts.replace', 'source.broadcast'] as const
/** Calls that only read: it is killed when the answer is lost. */
const READS = [
  'ledger.accountsAfter', 'ledger.cursor', 'payouts.get', 'payouts.isPaused', 'payouts.list', 'routes.accountsOf', 'routes.addresses', 'routes.routesOf', 'proofs.check',
  'changes.lastAddedMs', 'signer.sign', 'source.head', 'source.watch', 'source.balance', 'source.sign', 'source.expiryOf', 'source.lookUp',
] as const

/** What green runs of many seeds of payouts must not lack. */
export const EXPECTED_OF_PAYOUTS: readonly string[] = [
  ...STRIKES.map(({ name }) => `fault/${name}`),
  ...['ledger', 'payouts', 'routes', 'source-1', 'source-2'].flatMap((service) => ['refused', 'lost', 'unknown', 'late', 'slow'].map((kind) => `fault/${service}.${kind}`)),
  ...WRITES.map((call) => `crash/before ${call}`), ...[...WRITES, ...READS].map((call) => `crash/after ${call}`),
  'fault/crash at any call', 'audit/books are the chain', 'audit/broadcast was stored', 'audit/credit is final', 'audit/nothing overspent', 'audit/over is over', 'audit/posted the tax that was taken', 'audit/posted what is final',
  'audit/released what is over',
  'end/paid', 'end/failed transaction_failed', 'end/failed not_sent', 'end/failed bounced', 'end/refused balance_too_low', 'end/refused rejected', 'end/refused destination_denied',
  'end/needs_operator received_differs', 'end/deposit of an account', 'end/deposit of dust', 'end/deposit of memo_missing', 'end/deposit of memo_unknown',
  'end/deposit of memo_unreadable', 'end/deposit of no_route', 'end/deposit of unknown_asset',
  'branch/signed again', 'branch/wait changed_elsewhere', 'branch/wait disagreement', 'branch/wait fee_above_reserve', 'branch/wait hold', 'branch/wait paused', 'branch/wait top_up',
  'branch/deposit ignored returned', 'branch/sources disagree about balance', 'branch/sources disagree about payment', 'branch/sources disagree about transfers',
  'operator/approves: done', 'operator/decides', 'operator/refuses: done', 'operator/refuses: too_late',
]
