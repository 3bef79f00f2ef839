import { isEvegramError } from '@evegram/protocol'
import { keepsFlags, NO_BALANCES, type LedgerAccount } from './account.js'
import { decodeLedgerEvent, ledgerEventHash, type DecodedLedgerEvent, type LedgerEvent, type LedgerHead, type OperatorAct } from './event.js'
import type { LedgerAccountId } from './ids.js'
import { balancesAfter } from './post-transfer.js'
import type { Transfer } from './transfer.js'

/** What is wrong with a ledger, and where: the first difference that was met. */
export interface LedgerFault {
  readonly fault:
    /** The bytes of an event do not have the hash beside them, or are no event. */
    | 'event_changed'
    /** An event is missing, or does not name the one before. */
    | 'chain_broken'
    /** An event breaks a rule: an unknown account, a flag, a balance below zero, an approval of what nobody else proposed, or of one's own payout. */
    | 'rule_broken'
    /** An account holds something else than its events say, or is in no event. */
    | 'account_differs'
    /** A transfer is not what its event says, or is missing. */
    | 'transfer_differs'
    /** The newest event is not the one that the head, or an anchor, names. */
    | 'head_differs'
  /** Number of the event at which it was met. */
  readonly number: number
  readonly detail: string
}

/** Every balance, from events alone: one after the other, each checked against the one before and against the rules. */
export class LedgerReplay {
  readonly accounts = new Map<LedgerAccountId, LedgerAccount>()
  /** By subject: what was proposed last and not decided. */
  readonly #proposed = new Map<string, OperatorAct>()
  #head: LedgerHead

  /** Begins before the first event: `empty` is the head of a ledger without events. */
  constructor(empty: LedgerHead) {
    this.#head = empty
  }

  /** The event that was applied last. */
  get head(): LedgerHead {
    return this.#head
  }

  /** Applies the next event; what is wrong with it, or what it said. After a fault nothing may be applied any more. */
  apply(event: LedgerEvent): LedgerFault | DecodedLedgerEvent {
    const faultOf = (fault: LedgerFault['fault'], detail: string): LedgerFault => ({ fault, number: event.number, detail })
    if (event.number !== this.#head.number + 1) return faultOf('chain_broken', `event ${String(this.#head.number + 1)} is missing`)
    if (!areEqual(ledgerEventHash(event.bytes), event.hash)) return faultOf('event_changed', 'its hash is another')
    const decoded = decode(event)
    if (decoded === undefined) return faultOf('event_changed', 'it cannot be read')
    if (decoded.number !== event.number || decoded.ledger !== this.#head.ledger || !areEqual(decoded.previous, this.#head.hash)) {
      return faultOf('chain_broken', 'it does not follow the event before')
    }
    if (decoded.atMs < this.#head.atMs) return faultOf('rule_broken', 'time goes back')
    const broken = this.#change(decoded)
    if (broken !== undefined) return faultOf('rule_broken', broken)
    this.#head = { ledger: decoded.ledger, number: event.number, hash: event.hash, atMs: decoded.atMs }
    return decoded
  }

  /** The rule that a change breaks, if any. */
  #change({ change }: DecodedLedgerEvent): string | undefined {
    if (change.kind === 'account_opened') {
      if (this.accounts.has(change.account.id)) return 'an account is opened twice'
      this.accounts.set(change.account.id, { ...change.account, closed: false, ...NO_BALANCES })
      return undefined
    }
    if (change.kind === 'account_closed') {
      const account = this.accounts.get(change.account)
      if (account === undefined || account.closed) return 'an account is closed that is not open'
      this.accounts.set(account.id, { ...account, closed: true })
      return undefined
    }
    return change.kind === 'operator_act' ? this.#act(change) : this.#move(change)
  }

  #act(act: OperatorAct): string | undefined {
    const before = this.#proposed.get(act.subject)
    switch (act.act) {
      case 'proposed':
        this.#proposed.set(act.subject, act)
        return undefined
      case 'approved':
        if (before === undefined || before.words !== act.words || before.person === act.person) return 'somebody approves what nobody else proposed'
        this.#proposed.delete(act.subject)
        return undefined
      case 'decided_alone':
        this.#proposed.delete(act.subject)
        return undefined
      case 'payout_approved':
        // The id of a payout begins with the account whose money it is.
        return act.subject.startsWith(`payout:${act.person}.`) ? 'somebody approves a payout of their own' : undefined
      case 'payout_refused':
      case 'chain_paused':
      case 'chain_resumed':
        return undefined
    }
  }

  #move(transfer: Transfer): string | undefined {
    const [debit, credit] = [this.accounts.get(transfer.debit), this.accounts.get(transfer.credit)]
    if (debit === undefined || credit === undefined) return 'an account is unknown'
    if (debit.id === credit.id || debit.asset !== transfer.asset || credit.asset !== transfer.asset) return 'the two sides do not fit'
    if (debit.closed || credit.closed) return 'an account is closed'
    for (const [side, account] of [['debit', debit], ['credit', credit]] as const) {
      try {
        this.accounts.set(account.id, { ...account, ...balancesAfter(account, side, transfer) })
      } catch (failure) {
        if (isEvegramError(failure, 'invalid.argument')) return 'a balance is below zero or too large'
        throw failure
      }
    }
    const keep = [transfer.debit, transfer.credit].every((id) => {
      const account = this.accounts.get(id)
      return account !== undefined && keepsFlags(account, account)
    })
    return keep ? undefined : 'an account has less than nothing'
  }
}

/** Whether `applied` is a fault. */
export function isFault(applied: LedgerFault | DecodedLedgerEvent): applied is LedgerFault {
  return 'fault' in applied
}

function decode(event: LedgerEvent): DecodedLedgerEvent | undefined {
  try {
    return decodeLedgerEvent(event.bytes)
  } catch (failure) {
    if (isEvegramError(failure)) return undefined
    throw failure
  }
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}
