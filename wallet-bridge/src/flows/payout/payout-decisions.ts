import type { OperatorAct, OperatorActName } from '../../ledger/event.js'
import type { PayoutId } from './payout.js'

/** Proposals that wait for a second person; of more the oldest are forgotten, and must be said again. What is approved is never forgotten. */
export const PROPOSALS_MAX = 64
/** How long a proposal stands. What happened behind it may be another thing by then. */
export const PROPOSAL_MS = 86_400_000
/** Decisions of one read. */
export const DECISIONS_PAGE_MAX = 64

/** What one person says about a payout that needs a person. */
export interface DecisionWord {
  readonly payout: PayoutId
  /** Version of the payout that it is said about: of another one it says nothing. */
  readonly version: number
  /** What is to be booked; two people say the same when the text is the same. At most `OPERATOR_WORDS_CHARACTERS_MAX` characters. */
  readonly words: string
  readonly person: string
  /** Whether this one person is enough. */
  readonly alone: boolean
}

/** What was said about a payout and not yet done. */
export interface PayoutDecision {
  readonly payout: PayoutId
  readonly version: number
  readonly words: string
  readonly proposedBy: string
  /** Time of the ledger, ms since 1970. */
  readonly proposedMs: number
  /** Who made a decision of it; undefined while it is a proposal. */
  readonly approvedBy: string | undefined
}

/**
 * What saying something led to. `approved`: it is decided and must be done now, or is being done. `same_person`: who proposed may not approve. `decided_otherwise`: it is
 * decided already, and something else was. `outdated`: somebody said something about a newer version of the payout.
 */
export type SayResult = 'proposed' | 'approved' | 'same_person' | 'decided_otherwise' | 'outdated'

/**
 * What operators said about payouts that need a person, for all processes and restarts.
 *
 * - `say` is one step, with its event in the audit trail in the same commit: of several at once each is decided on top of those before. What rejects with
 *   `unavailable.store` may have been done: say the same again.
 * - What is approved stays until it was done. A process may end in between: whoever reads {@link PayoutDecisions.approved} does it, and the version of the payout lets one
 *   of them succeed.
 * - A proposal is forgotten after {@link PROPOSAL_MS}, by the time of the ledger, and when {@link PROPOSALS_MAX} newer ones wait.
 */
export interface PayoutDecisions {
  /** Takes a word. Rejects `unavailable.store`. */
  say(word: DecisionWord): Promise<SayResult>
  /** Proposals that wait for a second person, the oldest first: {@link PROPOSALS_MAX} at most. Rejects `unavailable.store`. */
  waiting(): Promise<readonly PayoutDecision[]>
  /** What is approved and was not called done, up to `limit` of it. Rejects `unavailable.store`. */
  approved(limit: number): Promise<readonly PayoutDecision[]>
  /** What was said about this version of a payout, or an older one, is done or cannot be done any more: forgets it. Rejects `unavailable.store`. */
  done(payout: PayoutId, version: number): Promise<void>
}

/** What {@link decideWord} comes to: what to keep, and what to write into the audit trail; neither where they are undefined. */
export interface DecidedWord {
  readonly result: SayResult
  readonly decision?: PayoutDecision
  readonly act?: OperatorAct
}

/** What a word leads to. Pure: every store decides by it. `known`: what is kept about the payout. */
export function decideWord(known: PayoutDecision | undefined, word: DecisionWord, nowMs: number): DecidedWord {
  const { payout, version, words, person, alone } = word
  if (known !== undefined && known.version > version) return { result: 'outdated' }
  const standing = known === undefined || known.version < version || isOver(known, nowMs) ? undefined : known
  const isSame = standing?.words === words
  if (standing?.approvedBy !== undefined) return { result: isSame ? 'approved' : 'decided_otherwise' }
  const act = (name: OperatorActName): OperatorAct => ({ kind: 'operator_act', act: name, person, subject: `payout:${payout}`, words })
  const proposed: PayoutDecision = { payout, version, words, proposedBy: person, proposedMs: nowMs, approvedBy: undefined }
  if (alone) return { result: 'approved', decision: { ...proposed, approvedBy: person }, act: act('decided_alone') }
  if (standing === undefined || !isSame) return { result: 'proposed', decision: proposed, act: act('proposed') }
  if (standing.proposedBy === person) return { result: 'same_person' }
  return { result: 'approved', decision: { ...standing, approvedBy: person }, act: act('approved') }
}

/** Whether a proposal stands no longer. */
export function isOver({ approvedBy, proposedMs }: PayoutDecision, nowMs: number): boolean {
  return approvedBy === undefined && nowMs >= proposedMs + PROPOSAL_MS
}
