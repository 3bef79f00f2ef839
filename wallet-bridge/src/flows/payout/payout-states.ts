import { EvegramError } from '@evegram/protocol'

/** Where a payout can stand. docs/payouts.md shows this table. */
export const PAYOUT_STATES = [
  ['requested', 'Written down. Nothing was decided yet.'],
  ['awaiting_approval', 'More than one person may move alone: somebody else than the asker must approve it.'],
  ['held', 'Waits until the time after the newest device or wallet of the account is over.'],
  ['reserving', 'The ledger is being asked to reserve the amount, the fee and the tax.'],
  ['reserved', 'Reserved. Nothing is signed: it can still be refused.'],
  ['signed', 'The signed bytes are stored. They may be out already.'],
  ['broadcast', 'Handed to the chain. That proves nothing.'],
  ['confirmed', 'In a block that may go away again. Nothing is booked.'],
  ['expired', 'Proved by all sources: what was signed is in no block and can get into none. May be signed again.'],
  ['settling', 'The end is known and stored; the ledger is being told.'],
  ['releasing', 'Refused after the ledger was asked to reserve: what is reserved is being released.'],
  ['needs_operator', 'Ended otherwise than it could have been meant. The money stays reserved until a person says what happened.'],
  ['paid', 'The recipient has it. Amount, real fee and real tax are posted, the rest of what was reserved is released.'],
  ['failed', 'Final, and nothing reached the recipient. The amount is released; fee and tax that the chain took are posted.'],
  ['refused', 'Nothing was sent and nothing is reserved.'],
] as const

/** Where a payout stands. */
export type PayoutState = (typeof PAYOUT_STATES)[number][0]

/** What can happen to a payout: in which state, what, and the state behind it. The flow moves along this table and nowhere else; docs/payouts.md shows it. */
export const PAYOUT_TRANSITIONS = [
  ['requested', 'approval_needed', 'awaiting_approval'],
  ['requested', 'cleared', 'held'],
  ['requested', 'refuse', 'refused'],
  ['awaiting_approval', 'approve', 'held'],
  ['awaiting_approval', 'refuse', 'refused'],
  ['held', 'hold_over', 'reserving'],
  ['held', 'refuse', 'refused'],
  // Not by a person: another worker may be asking the ledger right now. Only its refusal leads out.
  ['reserving', 'reserve', 'reserved'],
  ['reserving', 'ledger_refuses', 'releasing'],
  ['reserving', 'puzzle', 'needs_operator'],
  ['reserved', 'sign', 'signed'],
  ['reserved', 'refuse', 'releasing'],
  ['signed', 'hand_over', 'broadcast'],
  ['signed', 'confirm', 'confirmed'],
  ['signed', 'settle', 'settling'],
  ['signed', 'expire', 'expired'],
  ['signed', 'puzzle', 'needs_operator'],
  ['broadcast', 'confirm', 'confirmed'],
  ['broadcast', 'settle', 'settling'],
  ['broadcast', 'expire', 'expired'],
  ['broadcast', 'puzzle', 'needs_operator'],
  ['confirmed', 'vanish', 'broadcast'],
  ['confirmed', 'settle', 'settling'],
  ['confirmed', 'expire', 'expired'],
  ['confirmed', 'puzzle', 'needs_operator'],
  ['expired', 'sign', 'signed'],
  ['expired', 'refuse', 'releasing'],
  ['expired', 'give_up', 'settling'],
  ['settling', 'book_paid', 'paid'],
  ['settling', 'book_failed', 'failed'],
  ['settling', 'puzzle', 'needs_operator'],
  ['releasing', 'release', 'refused'],
  ['releasing', 'puzzle', 'needs_operator'],
  ['needs_operator', 'operator_decides', 'settling'],
] as const satisfies readonly (readonly [PayoutState, string, PayoutState])[]

/** What can happen to a payout. */
export type PayoutEvent = (typeof PAYOUT_TRANSITIONS)[number][1]

const NEXT = new Map<string, PayoutState>(PAYOUT_TRANSITIONS.map(([from, event, to]) => [`${from} ${event}`, to]))

/** The state behind `event`, or undefined where it cannot happen. */
export function stateAfter(state: PayoutState, event: PayoutEvent): PayoutState | undefined {
  return NEXT.get(`${state} ${event}`)
}

/** A signed payment is out, or may be: its end is not known. */
export const IN_FLIGHT_STATES = ['signed', 'broadcast', 'confirmed'] as const satisfies readonly PayoutState[]
/** Nothing happens any more. */
export const ENDED_STATES = ['paid', 'failed', 'refused'] as const satisfies readonly PayoutState[]
/** Waits for a person. */
export const ATTENDED_STATES = ['awaiting_approval', 'needs_operator'] as const satisfies readonly PayoutState[]
/** The flow takes it further by itself. */
export const WORKED_STATES: readonly PayoutState[] = PAYOUT_STATES.map(([state]) => state).filter((state) => !isOneOf(state, ENDED_STATES) && !isOneOf(state, ATTENDED_STATES))

/** Whether `state` is one of `states`. */
export function isOneOf(state: PayoutState, states: readonly PayoutState[]): boolean {
  return states.includes(state)
}

/** Brands the name of a state. Throws `invalid.argument`. */
export function parsePayoutState(text: string): PayoutState {
  const found = PAYOUT_STATES.find(([state]) => state === text)
  if (found === undefined) throw new EvegramError('invalid.argument', { operation: 'parse payout state' })
  return found[0]
}
