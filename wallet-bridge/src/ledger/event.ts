import { hash } from 'node:crypto'
import { bytesOfHex, CborFields, decodeCbor, encodeCbor, hexOf, type CborValue } from '@evegram/protocol'
import { parseAccountKind, type AccountFlag, type AccountOpening } from './account.js'
import { parseAmount } from './amount.js'
import { LEDGER_ACCOUNT_ID_CHARACTERS_MAX, parseAssetId, parseLedgerAccountId, parsePurpose, parseTransferId, TRANSFER_ID_CHARACTERS_MAX, type LedgerAccountId } from './ids.js'
import type { Transfer } from './transfer.js'

/** Version of the bytes of an event. */
const EVENT_VERSION = 1
/** Bytes of one event: four ids of the largest size and some fields. */
export const LEDGER_EVENT_BYTES_MAX = 2_048
/** Bytes of the id of a ledger: random, made with it, in each of its events, so that no event of another one fits. */
export const LEDGER_ID_BYTES = 16
const HASH_BYTES = 32
const NAME_CHARACTERS_MAX = 64

/** What an operator can have done that the audit trail tells of. docs/ledger.md shows this table. */
export const OPERATOR_ACTS = [
  ['proposed', 'Said first how something is to be decided. Nothing follows from it alone.'],
  ['approved', 'Said the same as somebody else before: it is decided, and will be done.'],
  ['decided_alone', 'Decided where two are not asked for.'],
  ['payout_approved', 'Allowed a payout that awaited approval. Never by whose money it is.'],
  ['payout_refused', 'Refused a payout of which nothing was out.'],
  ['chain_paused', 'Paused the payouts of a chain.'],
  ['chain_resumed', 'Let the payouts of a chain go on.'],
] as const
/** What an operator did. */
export type OperatorActName = (typeof OPERATOR_ACTS)[number][0]

/** An act of an operator: moves nothing by itself, and stands in the audit trail between what moved before and behind it. */
export interface OperatorAct {
  readonly kind: 'operator_act'
  readonly act: OperatorActName
  /** Who, as the credential says. */
  readonly person: string
  /** What it is about: `payout:<id>`, `chain:<name>`. */
  readonly subject: string
  /**
   * Of a decision: what was said, the same text from both when two must say it. Of what one person does: where it stood before. Up to
   * {@link OPERATOR_WORDS_CHARACTERS_MAX} characters.
   */
  readonly words: string
}

/** Characters of what an operator said. */
export const OPERATOR_WORDS_CHARACTERS_MAX = 512
/** Something that changed in the ledger. */
export type LedgerChange =
  | OperatorAct
  | { readonly kind: 'account_opened'; readonly account: AccountOpening }
  | { readonly kind: 'account_closed'; readonly account: LedgerAccountId }
  | Transfer

/** Names of all changes, as the subject of an event has them. */
export type LedgerChangeKind = LedgerChange['kind']

/** The newest event: its number (0 before the first), hash and time. */
export interface LedgerHead {
  /** {@link LEDGER_ID_BYTES} in lower-case hex. */
  readonly ledger: string
  readonly number: number
  /** 32 bytes; zeros before the first event. */
  readonly hash: Uint8Array
  readonly atMs: number
}

/** A change as it is kept: in deterministic CBOR, which names the hash of the event before. */
export interface LedgerEvent {
  readonly number: number
  readonly bytes: Uint8Array
  /** SHA-256 of `bytes`. */
  readonly hash: Uint8Array
}

/** What an event says. */
export interface DecodedLedgerEvent {
  readonly ledger: string
  readonly number: number
  readonly atMs: number
  readonly previous: Uint8Array
  readonly change: LedgerChange
}

/** The head of a ledger without events. */
export function emptyLedgerHead(ledger: string): LedgerHead {
  return { ledger, number: 0, hash: new Uint8Array(HASH_BYTES), atMs: 0 }
}

/** SHA-256 of the bytes of an event. */
export function ledgerEventHash(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', bytes, 'buffer'))
}

/** Chains changes behind `head`: their events in order, and the head behind them. Transfers must carry the numbers that follow. */
export function sealEvents(head: LedgerHead, changes: readonly LedgerChange[], atMs: number): { readonly events: readonly LedgerEvent[]; readonly head: LedgerHead } {
  const events: LedgerEvent[] = []
  const ledger = bytesOfHex(head.ledger)
  let behind = head
  for (const change of changes) {
    const number = behind.number + 1
    const bytes = encodeCbor({ v: EVENT_VERSION, at: atMs, kind: change.kind, ...fieldsOf(change), ledger, number, previous: behind.hash })
    const event: LedgerEvent = { number, bytes, hash: ledgerEventHash(bytes) }
    events.push(event)
    behind = { ledger: head.ledger, number, hash: event.hash, atMs }
  }
  return { events, head: behind }
}

/** What the bytes of an event say. Throws `invalid.cbor` or `invalid.argument` when they are none. */
export function decodeLedgerEvent(bytes: Uint8Array): DecodedLedgerEvent {
  const fields = new CborFields(decodeCbor(bytes, LEDGER_EVENT_BYTES_MAX), 'invalid.cbor')
  if (fields.uint('v') !== EVENT_VERSION) fields.fail('a known version')
  const [ledger, number, atMs] = [hexOf(fields.bytes('ledger', LEDGER_ID_BYTES)), fields.uint('number'), fields.uint('at')]
  const previous = fields.bytes('previous', HASH_BYTES)
  const change = changeOf(fields, number, atMs)
  fields.end()
  return { ledger, number, atMs, previous, change }
}

function fieldsOf(change: LedgerChange): Record<string, CborValue> {
  if (change.kind === 'account_opened') {
    const { id, asset, kind, flags } = change.account
    return { account: id, asset, accountKind: kind, flags: [...flags].sort() }
  }
  if (change.kind === 'account_closed') return { account: change.account }
  if (change.kind === 'operator_act') {
    const { act, person, subject, words } = change
    return { act, person, subject, words }
  }
  // An amount is text: CBOR integers of this protocol end at 64 bits.
  const { id, debit, credit, asset, amount, purpose, expiresAtMs, ends } = change
  return {
    id, debit, credit, asset, amount: amount.toString(), purpose,
    ...(expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs }),
    ...(ends === undefined ? {} : { pending: ends.pending, reserved: ends.reserved.toString() }),
  }
}

function operatorActOf(fields: CborFields): OperatorAct {
  const name = fields.text('act', NAME_CHARACTERS_MAX)
  const [act] = OPERATOR_ACTS.find(([known]) => known === name) ?? fields.fail('a known act')
  return {
    kind: 'operator_act', act, person: fields.text('person', NAME_CHARACTERS_MAX), subject: fields.text('subject', TRANSFER_ID_CHARACTERS_MAX),
    words: fields.text('words', OPERATOR_WORDS_CHARACTERS_MAX),
  }
}

const AMOUNT_CHARACTERS_MAX = 38
const FLAGS_MAX = 2
const TRANSFER_KINDS = ['transfer', 'pending', 'post', 'void', 'expire'] as const

function changeOf(fields: CborFields, number: number, atMs: number): LedgerChange {
  const kind = fields.text('kind', NAME_CHARACTERS_MAX)
  const account = (name: string): LedgerAccountId => parseLedgerAccountId(fields.text(name, LEDGER_ACCOUNT_ID_CHARACTERS_MAX))
  if (kind === 'account_closed') return { kind, account: account('account') }
  if (kind === 'operator_act') return operatorActOf(fields)
  const asset = parseAssetId(fields.text('asset', LEDGER_ACCOUNT_ID_CHARACTERS_MAX))
  if (kind === 'account_opened') {
    const flags = fields.list('flags', FLAGS_MAX).map((flag): AccountFlag =>
      (flag === 'debits_must_not_exceed_credits' || flag === 'credits_must_not_exceed_debits' ? flag : fields.fail('a known flag')))
    return { kind, account: { id: account('account'), asset, kind: parseAccountKind(fields.text('accountKind', NAME_CHARACTERS_MAX)), flags } }
  }
  const known = TRANSFER_KINDS.find((name) => name === kind)
  if (known === undefined) return fields.fail('a known kind')
  const text = (name: string): string => fields.text(name, TRANSFER_ID_CHARACTERS_MAX)
  const amount = (name: string): ReturnType<typeof parseAmount> => parseAmount(fields.text(name, AMOUNT_CHARACTERS_MAX))
  return {
    id: parseTransferId(text('id')), kind: known, debit: account('debit'), credit: account('credit'), asset, amount: amount('amount'),
    purpose: parsePurpose(text('purpose')), expiresAtMs: fields.has('expiresAt') ? fields.uint('expiresAt') : undefined,
    ends: fields.has('pending') ? { pending: parseTransferId(text('pending')), reserved: amount('reserved') } : undefined, number, atMs,
  }
}
