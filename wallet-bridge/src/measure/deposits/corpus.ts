import { AMOUNT_MAX } from '../../ledger/amount.js'
import type { SuspenseReason } from '../../flows/deposit/decide-deposit.js'
import type { SimulatedProfile } from '../../chain/simulated/rules.js'
import type { Person } from './deposit-corpus.js'

/** Where money can be: at a person's own deposit address, at the address that all share by memo, in the hot wallet, with strangers. */
export type Place = Person | 'shared' | 'hot' | 'outside'
/** `token` is configured, `junk` and `t0ken` are not. */
export type AssetName = 'native' | 'token' | 'junk' | 't0ken'
/** What a payer writes. `typos`: characters of the code that are replaced. */
export type Memo =
  | { readonly codeOf: Person; readonly typos?: readonly (readonly [at: number, character: string])[]; readonly before?: string; readonly behind?: string; readonly shape?: 'capitals' | 'mixed' | 'doubled' | 'cut' | 'swapped' }
  | { readonly text: string }
  | { readonly bytes: readonly number[] }
  | { readonly addressOf: Person }
  | { readonly unknownCode: true }

/** A change of one balance. */
export interface Change {
  readonly at: Place
  readonly amount: bigint
  readonly asset?: AssetName
}

/** A fault of one of the two endpoints, or of both. `of` names a transaction by its `as`. */
export type Lie =
  | { readonly kind: 'hides' | 'invents_again'; readonly of: string }
  | { readonly kind: 'tells_amount'; readonly of: string; readonly amount: bigint }
  | { readonly kind: 'tells_recipient'; readonly of: string; readonly to: Place }
  | { readonly kind: 'tells_memo'; readonly of: string; readonly memo: Memo }
  | { readonly kind: 'invents'; readonly to: Place; readonly amount: bigint }
  | { readonly kind: 'lags' | 'final_ahead'; readonly blocks: number }
  | { readonly kind: 'is_down' }

/** One thing that happens. */
export type Step =
  /** A stranger's transaction: what it claims, and what it does. Without `changes` it does what it claims. */
  | { readonly do: 'transaction'; readonly claims: readonly Change[]; readonly changes?: readonly Change[]; readonly from?: Place; readonly memo?: Memo; readonly failed?: boolean; readonly as?: string }
  /** A signed payment of the native asset, by the rules of the chain. The payer outside holds 10^9. */
  | { readonly do: 'payment'; readonly from: 'outside' | 'hot' | Person; readonly outputs: readonly Change[]; readonly memo?: Memo; readonly as?: string }
  | { readonly do: 'blocks'; readonly count: number }
  | { readonly do: 'final' | 'scan' | 'scan_twice_at_once' | 'restart' }
  /** A scan of a process that dies when it has booked and not moved its cursor. */
  | { readonly do: 'crash_at_cursor' }
  | { readonly do: 'reorganise'; readonly depth: number; readonly fate: 'return' | 'forget' }
  | { readonly do: 'hold_finality'; readonly held: boolean }
  | { readonly do: 'lie'; readonly endpoints: readonly (0 | 1)[]; readonly lie: Lie }
  | { readonly do: 'heal' }
  | { readonly do: 'tax'; readonly ppm: number }
  | { readonly do: 'refuse_at'; readonly place: Place }
  | { readonly do: 'close_account'; readonly of: Person }
  /** Makes the unknown code of a memo lead to a person after all. */
  | { readonly do: 'give_unknown_code'; readonly to: Person }
  /** A client asks for a transfer whose id is to be that of the deposit `of`. */
  | { readonly do: 'squat_as_client'; readonly of: string }
  /** A faulty part of ours has put another transfer under the id of the deposit `of`. `custody`: as if it were that deposit, with another amount. */
  | { readonly do: 'squat'; readonly of: string; readonly amount: bigint; readonly debit: 'custody' | 'equity' }

/** Money that must have been booked: at a person, or in the suspense account of a reason. */
export interface Booking {
  readonly at: Person | SuspenseReason
  readonly amount: bigint
  readonly asset?: AssetName
}

/** One case: what happens, and all that may be booked when everything has become final. */
export interface DepositCase {
  readonly name: string
  /** `ton` when left out: it is final soonest. */
  readonly profile?: SimulatedProfile
  readonly steps: readonly Step[]
  readonly booked: readonly Booking[]
  /** Reasons of alarms, each as often as it must come; repetitions by a replay are not counted. */
  readonly alarms?: readonly string[]
}

const M = 1_000_000n
const give = (at: Place, amount: bigint, memo?: Memo, asset?: AssetName, as?: string): Step => ({
  do: 'transaction', claims: [asset === undefined ? { at, amount } : { at, amount, asset }], ...(memo === undefined ? {} : { memo }), ...(as === undefined ? {} : { as }),
})
const contract = (claims: readonly Change[], changes: readonly Change[], more: { readonly from?: Place; readonly memo?: Memo; readonly failed?: boolean; readonly as?: string } = {}): Step =>
  ({ do: 'transaction', claims, changes, ...more })
const code = (codeOf: Person): Memo => ({ codeOf })
const lie = (one: Lie, ...endpoints: readonly (0 | 1)[]): Step => ({ do: 'lie', endpoints: endpoints.length === 0 ? [0] : endpoints, lie: one })
const sharedWith = (memo: Memo): readonly Step[] => [give('shared', M, memo)]
const FINAL: Step = { do: 'final' }
const SCAN: Step = { do: 'scan' }
const HEAL: Step = { do: 'heal' }
const alice = (amount: bigint = M, asset?: AssetName): readonly Booking[] => [asset === undefined ? { at: 'alice', amount } : { at: 'alice', amount, asset }]
const held = (at: SuspenseReason, amount: bigint = M, asset?: AssetName): readonly Booking[] => [asset === undefined ? { at, amount } : { at, amount, asset }]
const NOTHING: readonly Booking[] = []

const HONEST: readonly DepositCase[] = [
  { name: 'a deposit at an own address', steps: [give('alice', M)], booked: alice() },
  { name: 'a deposit at the shared address by code', steps: sharedWith(code('alice')), booked: alice() },
  { name: 'a code in capitals', steps: sharedWith({ codeOf: 'alice', shape: 'capitals' }), booked: alice() },
  { name: 'blanks and a line break around a code', steps: sharedWith({ codeOf: 'alice', before: ' \t', behind: '\r\n ' }), booked: alice() },
  { name: 'two deposits in one block', steps: [give('alice', M), give('alice', 2n * M)], booked: [...alice(), ...alice(2n * M)] },
  { name: 'two people in one transaction', steps: [contract([], [{ at: 'alice', amount: M }, { at: 'bob', amount: 2n * M }])], booked: [...alice(), { at: 'bob', amount: 2n * M }] },
  { name: 'own and shared address in one transaction', steps: [contract([], [{ at: 'alice', amount: M }, { at: 'shared', amount: 3n * M }], { memo: code('bob') })], booked: [...alice(), { at: 'bob', amount: 3n * M }] },
  { name: 'native asset and token in one transaction', steps: [contract([], [{ at: 'alice', amount: M }, { at: 'alice', amount: 5n, asset: 'token' }])], booked: [...alice(), ...alice(5n, 'token')] },
  { name: 'the code of another one at an own address: the address decides', steps: [give('alice', M, code('bob'))], booked: alice() },
  { name: 'exactly the least amount', steps: [give('alice', 1_000n)], booked: alice(1_000n) },
  { name: '2^64 - 1 of a token', steps: [give('alice', 2n ** 64n - 1n, undefined, 'token')], booked: alice(2n ** 64n - 1n, 'token') },
  { name: 'the largest amount that a ledger holds', steps: [give('alice', AMOUNT_MAX, undefined, 'token')], booked: alice(AMOUNT_MAX, 'token') },
  { name: 'many deposits, and one more later', steps: [...Array.from({ length: 40 }, (): Step => give('alice', M)), FINAL, SCAN, give('alice', M)], booked: Array.from({ length: 41 }, () => alice()).flat() },
]

const FINALITY: readonly DepositCase[] = [
  { name: 'confirmed and never final', steps: [{ do: 'hold_finality', held: true }, give('alice', M), { do: 'blocks', count: 60 }], booked: NOTHING },
  { name: 'final late', steps: [{ do: 'hold_finality', held: true }, give('alice', M), { do: 'blocks', count: 60 }, SCAN, { do: 'hold_finality', held: false }], booked: alice() },
  { name: 'reorganised away', profile: 'solana', steps: [give('alice', M), { do: 'blocks', count: 5 }, SCAN, { do: 'reorganise', depth: 5, fate: 'forget' }], booked: NOTHING },
  { name: 'reorganised, and back in another block', profile: 'solana', steps: [give('alice', M), { do: 'blocks', count: 5 }, SCAN, { do: 'reorganise', depth: 5, fate: 'return' }], booked: alice() },
  { name: 'reorganised, and another payment in its place', profile: 'solana', steps: [give('alice', M), { do: 'blocks', count: 5 }, { do: 'reorganise', depth: 5, fate: 'forget' }, give('alice', 7n * M)], booked: alice(7n * M) },
  { name: 'reorganised many times', profile: 'solana', steps: [give('alice', M), ...Array.from({ length: 6 }, (): readonly Step[] => [{ do: 'blocks', count: 4 }, SCAN, { do: 'reorganise', depth: 4, fate: 'return' }]).flat()], booked: alice() },
  { name: 'one source calls it final before it is, then it is gone', profile: 'solana', steps: [lie({ kind: 'final_ahead', blocks: 32 }), give('alice', M), { do: 'blocks', count: 3 }, SCAN, { do: 'reorganise', depth: 3, fate: 'forget' }, { do: 'blocks', count: 40 }, HEAL], booked: NOTHING },
  { name: 'a restart between confirmed and final', profile: 'solana', steps: [give('alice', M), { do: 'blocks', count: 5 }, SCAN, { do: 'restart' }], booked: alice() },
  { name: 'a restart behind every block', steps: [give('alice', M), ...Array.from({ length: 6 }, (): readonly Step[] => [{ do: 'blocks', count: 1 }, SCAN, { do: 'restart' }]).flat()], booked: alice() },
]

const CLAIMS: readonly DepositCase[] = [
  { name: 'a failed transaction', steps: [contract([{ at: 'alice', amount: M }], [], { failed: true })], booked: NOTHING },
  { name: 'a failed transaction with a code', steps: [contract([{ at: 'shared', amount: M }], [], { failed: true, memo: code('alice') })], booked: NOTHING },
  { name: 'a payment that fails for want of money and keeps its fee', profile: 'solana', steps: [{ do: 'payment', from: 'outside', outputs: [{ at: 'bob', amount: 900n * M }] }, { do: 'payment', from: 'outside', outputs: [{ at: 'alice', amount: 900n * M }] }], booked: [{ at: 'bob', amount: 900n * M }] },
  { name: 'a batch that pays one half', steps: [{ do: 'payment', from: 'outside', outputs: [{ at: 'bob', amount: 600n * M }] }, { do: 'payment', from: 'outside', outputs: [{ at: 'bob', amount: 800n * M }, { at: 'alice', amount: M }] }], booked: [{ at: 'bob', amount: 600n * M }, ...alice()] },
  { name: 'a claim of money that never moves', steps: [contract([{ at: 'alice', amount: M }], [])], booked: NOTHING },
  { name: 'a claim above what arrives', steps: [contract([{ at: 'alice', amount: 100n * M }], [{ at: 'alice', amount: M }])], booked: alice() },
  { name: 'a claim below what arrives', steps: [contract([{ at: 'alice', amount: 1n }], [{ at: 'alice', amount: M }])], booked: alice() },
  { name: 'an inner transfer that no claim names', steps: [contract([{ at: 'outside', amount: M }], [{ at: 'alice', amount: M }])], booked: alice() },
  { name: 'a claim for one and money for another', steps: [contract([{ at: 'alice', amount: M }], [{ at: 'bob', amount: M }])], booked: [{ at: 'bob', amount: M }] },
  { name: 'a claim of the native asset, a worthless token moves', steps: [contract([{ at: 'alice', amount: M }], [{ at: 'alice', amount: M, asset: 'junk' }])], booked: held('unknown_asset', M, 'junk') },
  { name: 'nothing, sent as a deposit', steps: [give('alice', 0n)], booked: NOTHING },
  { name: 'nothing, sent with a code', steps: [give('shared', 0n, code('alice'))], booked: NOTHING },
  { name: 'a token whose fee keeps a part', profile: 'solana', steps: [contract([{ at: 'alice', amount: M, asset: 'token' }], [{ at: 'alice', amount: 980_000n, asset: 'token' }])], booked: alice(980_000n, 'token') },
  { name: 'a token whose fee keeps all', profile: 'solana', steps: [contract([{ at: 'alice', amount: M, asset: 'token' }], [{ at: 'alice', amount: 0n, asset: 'token' }])], booked: NOTHING },
  { name: 'a tax that the fee covers', profile: 'terra', steps: [{ do: 'payment', from: 'outside', outputs: [{ at: 'alice', amount: M }] }], booked: alice() },
  { name: 'a tax that is charged to the recipient', profile: 'terra', steps: [{ do: 'tax', ppm: 0 }, { do: 'payment', from: 'outside', outputs: [{ at: 'alice', amount: M }], as: 'x' }, { do: 'tax', ppm: 5_000 }], booked: alice(995_000n) },
  { name: 'a tax that is charged to the recipient at the shared address', profile: 'terra', steps: [{ do: 'tax', ppm: 0 }, { do: 'payment', from: 'outside', outputs: [{ at: 'shared', amount: M }], memo: code('alice') }, { do: 'tax', ppm: 12_000 }], booked: alice(988_000n) },
]

const OURS: readonly DepositCase[] = [
  { name: 'the hot wallet pays itself', steps: [give('hot', 10n * M), FINAL, { do: 'payment', from: 'hot', outputs: [{ at: 'hot', amount: M }] }], booked: held('no_route', 10n * M) },
  { name: 'a deposit address pays itself', steps: [give('alice', 10n * M), FINAL, { do: 'payment', from: 'alice', outputs: [{ at: 'alice', amount: M }] }], booked: alice(10n * M) },
  { name: 'a sweep from a deposit address into the hot wallet', steps: [give('alice', 10n * M), FINAL, { do: 'payment', from: 'alice', outputs: [{ at: 'hot', amount: 5n * M }] }], booked: alice(10n * M) },
  { name: 'a payout', steps: [give('hot', 10n * M), FINAL, { do: 'payment', from: 'hot', outputs: [{ at: 'outside', amount: M }] }], booked: held('no_route', 10n * M) },
  { name: 'a payout to a deposit address of ours', steps: [give('hot', 10n * M), FINAL, { do: 'payment', from: 'hot', outputs: [{ at: 'bob', amount: M }] }], booked: held('no_route', 10n * M) },
  { name: 'a payout to the shared address with a code', steps: [give('hot', 10n * M), FINAL, { do: 'payment', from: 'hot', outputs: [{ at: 'shared', amount: M }], memo: code('bob') }], booked: held('no_route', 10n * M) },
  { name: 'money of ours that arrives by a transaction of its own', steps: [contract([{ at: 'alice', amount: M }], [{ at: 'alice', amount: M }], { from: 'hot' })], booked: NOTHING },
  { name: 'a payout that bounces', steps: [give('hot', 10n * M), FINAL, { do: 'refuse_at', place: 'outside' }, { do: 'payment', from: 'hot', outputs: [{ at: 'outside', amount: M }] }], booked: held('no_route', 10n * M) },
  { name: 'a stranger pays into the hot wallet', steps: [give('hot', M, code('alice'))], booked: held('no_route') },
  { name: 'a sweep and a stranger\'s token in one transaction', steps: [give('alice', 10n * M), FINAL, contract([], [{ at: 'alice', amount: -5n * M }, { at: 'hot', amount: 5n * M }, { at: 'bob', amount: 9n, asset: 'token' }])], booked: [...alice(10n * M), { at: 'bob', amount: 9n, asset: 'token' }] },
  { name: 'in and out again in one transaction', steps: [contract([{ at: 'alice', amount: M }, { at: 'outside', amount: M }], [{ at: 'alice', amount: 0n }])], booked: NOTHING },
]

const ASSETS: readonly DepositCase[] = [
  { name: 'an asset that nobody configured', steps: [give('alice', M, undefined, 'junk')], booked: held('unknown_asset', M, 'junk') },
  { name: 'a token that looks like one of ours', steps: [give('shared', M, code('alice'), 't0ken')], booked: held('unknown_asset', M, 't0ken') },
  { name: 'more than 38 digits of a worthless token', steps: [give('alice', 2n ** 128n - 1n, undefined, 'junk'), give('alice', M)], booked: alice(), alarms: ['beyond_ledger'] },
  { name: '2^256 - 1 of a worthless token', steps: [give('alice', 2n ** 256n - 1n, undefined, 'junk'), give('alice', M)], booked: alice(), alarms: ['beyond_ledger'] },
  { name: 'a worthless token until the sum has more than 38 digits', steps: [give('alice', AMOUNT_MAX, undefined, 'junk'), give('alice', 1n, undefined, 'junk'), give('alice', M)], booked: [...held('unknown_asset', AMOUNT_MAX, 'junk'), ...alice()], alarms: ['beyond_ledger'] },
  { name: 'dust', steps: [give('alice', 999n)], booked: held('dust', 999n) },
  { name: 'one unit, at the shared address, without a memo', steps: [give('shared', 1n)], booked: held('dust', 1n) },
  { name: 'a flood of dust around a deposit', steps: [...Array.from({ length: 30 }, (): Step => give('alice', 1n)), give('alice', M)], booked: [...Array.from({ length: 30 }, () => held('dust', 1n)).flat(), ...alice()] },
]

const MEMOS: readonly DepositCase[] = [
  { name: 'no memo', steps: [give('shared', M)], booked: held('memo_missing') },
  { name: 'an empty memo', steps: sharedWith({ text: '' }), booked: held('memo_missing') },
  { name: 'a memo of blanks', steps: sharedWith({ text: ' \t\n ' }), booked: held('memo_missing') },
  { name: 'a code with one typo', steps: sharedWith({ codeOf: 'alice', typos: [[7, 'q']] }), booked: held('memo_unreadable') },
  { name: 'a code with two typos', steps: sharedWith({ codeOf: 'alice', typos: [[7, 'q'], [12, 'p']] }), booked: held('memo_unreadable') },
  { name: 'a code with a typo in its checksum', steps: sharedWith({ codeOf: 'alice', typos: [[19, 'z']] }), booked: held('memo_unreadable') },
  { name: 'a code with two characters exchanged', steps: sharedWith({ codeOf: 'alice', shape: 'swapped' }), booked: held('memo_unreadable') },
  { name: 'a code that was cut', steps: sharedWith({ codeOf: 'alice', shape: 'cut' }), booked: held('memo_unreadable') },
  { name: 'a code twice', steps: sharedWith({ codeOf: 'alice', shape: 'doubled' }), booked: held('memo_unreadable') },
  { name: 'two codes of two people', steps: sharedWith({ codeOf: 'alice', behind: ' evg1qqqqqqqqqqqqqqqq' }), booked: held('memo_unreadable') },
  { name: 'a code in mixed case', steps: sharedWith({ codeOf: 'alice', shape: 'mixed' }), booked: held('memo_unreadable') },
  { name: 'a code behind a word', steps: sharedWith({ codeOf: 'alice', before: 'memo: ' }), booked: held('memo_unreadable') },
  { name: 'a code that was never given out', steps: sharedWith({ unknownCode: true }), booked: held('memo_unknown') },
  { name: 'a right-to-left mark before a code', steps: sharedWith({ codeOf: 'alice', before: '\u202e' }), booked: held('memo_unreadable') },
  { name: 'a zero-width character in a code', steps: sharedWith({ codeOf: 'alice', behind: '\u200b' }), booked: held('memo_unreadable') },
  { name: 'a Cyrillic letter in a code', steps: sharedWith({ codeOf: 'alice', typos: [[0, '\u0435']] }), booked: held('memo_unreadable') },
  { name: 'full-width characters', steps: sharedWith({ text: '\uff45\uff56\uff47\uff11' }), booked: held('memo_unreadable') },
  { name: 'a NUL behind a code', steps: sharedWith({ codeOf: 'alice', behind: '\0' }), booked: held('memo_unreadable') },
  { name: 'a NUL before a code', steps: sharedWith({ codeOf: 'alice', before: '\0' }), booked: held('memo_unreadable') },
  { name: 'a memo of 1 kB', steps: sharedWith({ text: 'x'.repeat(1_024) }), booked: held('memo_unreadable') },
  { name: 'a code with 1 kB of blanks behind it', steps: sharedWith({ codeOf: 'alice', behind: ' '.repeat(1_024) }), booked: held('memo_unreadable') },
  { name: 'a memo of 64 kB', steps: sharedWith({ text: 'y'.repeat(65_536) }), booked: held('memo_unreadable') },
  { name: 'a memo of SQL', steps: sharedWith({ text: '\'; DROP TABLE ledger_accounts; --' }), booked: held('memo_unreadable') },
  { name: 'a memo of HTML', steps: sharedWith({ text: '<script>alert(1)</script>' }), booked: held('memo_unreadable') },
  { name: 'a memo of JSON', steps: sharedWith({ text: '{"account":"__proto__"}' }), booked: held('memo_unreadable') },
  { name: 'a memo that is no UTF-8', steps: sharedWith({ bytes: [0xff, 0xfe, 0xc0, 0x80] }), booked: held('memo_unreadable') },
  { name: 'a memo of pictures', steps: sharedWith({ text: '💸🏦' }), booked: held('memo_unreadable') },
  { name: 'an address instead of a code', steps: sharedWith({ addressOf: 'alice' }), booked: held('memo_unreadable') },
]

const REPEATED: readonly DepositCase[] = [
  { name: 'a crash between booking and cursor', steps: [give('alice', M), FINAL, { do: 'crash_at_cursor' }], booked: alice() },
  { name: 'three such crashes', steps: [give('alice', M), FINAL, { do: 'crash_at_cursor' }, give('bob', M), FINAL, { do: 'crash_at_cursor' }, { do: 'crash_at_cursor' }], booked: [...alice(), { at: 'bob', amount: M }] },
  { name: 'such a crash at suspense', steps: [give('shared', M), FINAL, { do: 'crash_at_cursor' }], booked: held('memo_missing') },
  { name: 'two processes at once', steps: [give('alice', M), give('shared', M), FINAL, { do: 'scan_twice_at_once' }], booked: [...alice(), ...held('memo_missing')] },
  { name: 'an event that both endpoints tell twice in one block', steps: [give('alice', M, undefined, undefined, 'x'), FINAL, lie({ kind: 'invents_again', of: 'x' }, 0, 1)], booked: alice() },
  { name: 'a code that is given out between a crash and the repetition', steps: [...sharedWith({ unknownCode: true }), FINAL, { do: 'crash_at_cursor' }, { do: 'give_unknown_code', to: 'alice' }], booked: held('memo_unknown') },
  { name: 'an account that was closed', steps: [give('alice', M), FINAL, SCAN, { do: 'close_account', of: 'bob' }, give('bob', M)], booked: [...alice(), ...held('account_closed')] },
  { name: 'an account that was closed, and a crash', steps: [{ do: 'close_account', of: 'bob' }, give('bob', M), FINAL, { do: 'crash_at_cursor' }], booked: held('account_closed') },
]

const LIES: readonly DepositCase[] = [
  { name: 'one source hides it for a while', steps: [give('alice', M, undefined, undefined, 'x'), FINAL, lie({ kind: 'hides', of: 'x' }), SCAN, SCAN, HEAL], booked: alice() },
  { name: 'one source hides it for ever', steps: [give('alice', M, undefined, undefined, 'x'), FINAL, lie({ kind: 'hides', of: 'x' })], booked: NOTHING },
  { name: 'one source tells another amount', steps: [give('alice', M, undefined, undefined, 'x'), FINAL, lie({ kind: 'tells_amount', of: 'x', amount: 999n * M }), SCAN, HEAL], booked: alice() },
  { name: 'the other source tells another amount', steps: [give('alice', M, undefined, undefined, 'x'), FINAL, lie({ kind: 'tells_amount', of: 'x', amount: 999n * M }, 1)], booked: NOTHING },
  { name: 'one source tells another recipient', steps: [give('alice', M, undefined, undefined, 'x'), FINAL, lie({ kind: 'tells_recipient', of: 'x', to: 'bob' }), SCAN, HEAL], booked: alice() },
  { name: 'one source tells the memo of another one', steps: [give('shared', M, code('alice'), undefined, 'x'), FINAL, lie({ kind: 'tells_memo', of: 'x', memo: code('bob') }), SCAN, HEAL], booked: alice() },
  { name: 'one source invents a deposit', steps: [FINAL, lie({ kind: 'invents', to: 'bob', amount: 5n * M }), SCAN], booked: NOTHING },
  { name: 'one source invents a deposit, and stops', steps: [give('alice', M), FINAL, lie({ kind: 'invents', to: 'bob', amount: 5n * M }), SCAN, HEAL], booked: alice() },
  { name: 'one source is behind', steps: [lie({ kind: 'lags', blocks: 20 }), { do: 'blocks', count: 30 }, give('alice', M), FINAL, SCAN, { do: 'blocks', count: 25 }], booked: alice() },
  { name: 'one source does not answer for a while', steps: [give('alice', M), FINAL, lie({ kind: 'is_down' }), SCAN, HEAL], booked: alice() },
  { name: 'one source does not answer', steps: [give('alice', M), FINAL, lie({ kind: 'is_down' })], booked: NOTHING },
]

const SQUATS: readonly DepositCase[] = [
  { name: 'a client id that squats the id of a deposit', steps: [give('alice', M, undefined, undefined, 'x'), { do: 'squat_as_client', of: 'x' }], booked: alice() },
  { name: 'another transfer under the id of a deposit', steps: [give('alice', M, undefined, undefined, 'x'), { do: 'squat', of: 'x', amount: 5n, debit: 'equity' }], booked: held('conflict'), alarms: ['conflict'] },
  { name: 'another transfer under its id, and a crash', steps: [give('alice', M, undefined, undefined, 'x'), { do: 'squat', of: 'x', amount: 5n, debit: 'equity' }, FINAL, { do: 'crash_at_cursor' }], booked: held('conflict'), alarms: ['conflict'] },
  { name: 'a part of it is booked already', steps: [give('alice', M, undefined, undefined, 'x'), { do: 'squat', of: 'x', amount: 400_000n, debit: 'custody' }], booked: held('conflict', 600_000n), alarms: ['conflict'] },
  { name: 'more than it is booked already', steps: [give('alice', M, undefined, undefined, 'x'), { do: 'squat', of: 'x', amount: 2n * M, debit: 'custody' }], booked: NOTHING, alarms: ['conflict'] },
  { name: 'all of it is booked already, for somebody else', steps: [give('alice', M, undefined, undefined, 'x'), { do: 'squat', of: 'x', amount: M, debit: 'custody' }], booked: NOTHING },
]

/** Every case that a simulated chain can express; those that only a real one can are in chains/. */
export const DEPOSIT_CORPUS: readonly DepositCase[] = [...HONEST, ...FINALITY, ...CLAIMS, ...OURS, ...ASSETS, ...MEMOS, ...REPEATED, ...LIES, ...SQUATS]
