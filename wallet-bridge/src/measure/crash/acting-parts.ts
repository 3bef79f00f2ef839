import type { PayoutChain, PayoutFlowParts } from '../../flows/payout/payout-flow-parts.js'
import type { PayoutStore } from '../../flows/payout/payout-store.js'
import type { Submission } from '../../ledger/transfer.js'
import type { Acts } from './acts.js'

/** What a process of Wally may be stopped at, other than at any moment: each call after which the world is another one. */
export const STOPPABLE_ACTS = [
  'write down', 'reserve', 'store reserved', 'sign', 'store signed', 'broadcast', 'store broadcast', 'store confirmed', 'store settling', 'book', 'store paid',
] as const

/** A chain whose calls are written down. */
export function actingChain(chain: PayoutChain, acts: Acts): PayoutChain {
  return {
    chain: chain.chain, nativeAsset: chain.nativeAsset,
    parseAddress: (text) => chain.parseAddress(text),
    addressOf: (signer) => chain.addressOf(signer),
    balance: (request) => acts.around('ask for balance', () => chain.balance(request)),
    sign: (intent, signer) => acts.around('sign', () => chain.sign(intent, signer), '', (answer) => answer.status === 'signed' ? answer.payment.txid : ''),
    broadcast: (payment) => acts.around('broadcast', () => chain.broadcast(payment), payment.txid),
    lookUp: (payment) => acts.around('look up', () => chain.lookUp(payment)),
  }
}

/** A ledger whose calls are written down. */
export function actingLedger(ledger: PayoutFlowParts['ledger'], acts: Acts): PayoutFlowParts['ledger'] {
  return {
    openAccounts: (openings) => acts.around('open accounts', () => ledger.openAccounts(openings)),
    submit: (submission) => acts.around(submissionAct(submission), () => ledger.submit(submission)),
  }
}

/** A store of payouts whose calls are written down. */
export function actingPayouts(payouts: PayoutStore, acts: Acts): PayoutStore {
  return {
    create: (terms, bounds, nowMs) => acts.around('write down', () => payouts.create(terms, bounds, nowMs)),
    replace: (next) => acts.around(`store ${next.state}`, () => payouts.replace(next)),
    attend: (next, act) => acts.around(`store ${next.state}`, () => payouts.attend(next, act)),
    get: (id) => acts.around('read', () => payouts.get(id)),
    list: (request) => acts.around('read', () => payouts.list(request)),
    isPaused: (chain) => acts.around('read', () => payouts.isPaused(chain)),
    pausedFor: (chain) => acts.around('read', () => payouts.pausedFor(chain)),
    setPaused: (chain, isPaused, person) => acts.around('pause', () => payouts.setPaused(chain, isPaused, person)),
  }
}

function submissionAct({ transfers }: Submission): string {
  if (transfers.some(({ kind }) => kind === 'pending')) return 'reserve'
  return transfers.every(({ kind }) => kind === 'void') ? 'release' : 'book'
}
