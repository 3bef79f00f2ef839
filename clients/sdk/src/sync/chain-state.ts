import { equalBytes } from '@evegram/protocol'

/**
 * Why messages of a chain are missing. `erased` needs a signed notice of their sender. `sender_revoked`: what came, came from a device that its account attests no
 * more, so nobody can say when it was written. `unreadable`: what came cannot be decrypted, and no copy of it that can was had so far.
 */
export type GapReason = 'expired' | 'before_you_joined' | 'erased' | 'withheld' | 'sender_revoked' | 'unreadable'

/** A message as a link of its sender's chain. Hashes have 32 bytes. */
export interface ReceivedLink {
  readonly number: number
  readonly hash: Uint8Array
  readonly prev: Uint8Array
}

/**
 * Numbers that were given up, with what is known about their neighbours. A late copy still finds its place. Those above the head of the chain were named by themselves;
 * those at `joinedAt` and behind it that are still called `before_you_joined` are awaited, see {@link awaitedRanges}.
 */
export interface NamedGap {
  readonly from: number
  readonly to: number
  readonly reason: GapReason
  /** Hash of the message before `from`. */
  readonly before?: Uint8Array
  /** `prev` of the message behind `to`. */
  readonly after?: Uint8Array
}

/** What one device knows of the chain of another: (conversation, device, epoch). */
export interface ChainState {
  /** First number that was meant for this device; undefined until the sender said so. */
  readonly joinedAt?: number
  /** Everything up to here is verified or named. Number 0 and zeros before the first message. */
  readonly head: { readonly number: number; readonly hash: Uint8Array }
  /** Shown already, while numbers before them are missing; ascending. */
  readonly ahead: readonly ReceivedLink[]
  readonly gaps: readonly NamedGap[]
}

/** Links that one chain holds behind a missing number; past it the missing numbers are named at once. */
export const CHAIN_AHEAD_MAX = 512
/** Named gaps that one chain remembers; past it the oldest is forgotten, and late copies of its messages are refused. */
const CHAIN_GAPS_MAX = 64

/** A chain nothing was received of. */
export function emptyChain(): ChainState {
  return { head: { number: 0, hash: new Uint8Array(32) }, ahead: [], gaps: [] }
}

/**
 * What {@link acceptLink} found: `linked` verified back to the start or to a named gap; `pending` numbers before it are missing;
 * `filled` it belongs to a named gap; `known` the same message was counted before; `stale` its place is behind what is remembered;
 * `broken` it contradicts the chain: another message has its number, or its neighbours do not link to it.
 */
export type LinkResult =
  | { readonly status: 'linked' | 'pending' | 'filled'; readonly state: ChainState }
  | { readonly status: 'known' | 'stale' | 'broken' }

/**
 * Takes a decrypted and checked message into its chain. `start` is the sender's word where this device enters the chain, and
 * counts only as long as nothing else said so.
 */
export function acceptLink(before: ChainState, link: ReceivedLink, start?: { readonly number: number; readonly prev: Uint8Array }): LinkResult {
  if (link.number < 1 || (start !== undefined && (start.number < 1 || start.number > link.number))) return { status: 'broken' }
  const state = start === undefined ? before : joinChain(before, start)
  if (link.number <= state.head.number) return placeBehindHead(state, link)
  const twin = state.ahead.find(({ number }) => number === link.number)
  if (twin !== undefined) return { status: equalBytes(twin.hash, link.hash) ? 'known' : 'broken' }
  const below = link.number === state.head.number + 1 ? state.head : state.ahead.find(({ number }) => number === link.number - 1)
  if (below !== undefined && !equalBytes(below.hash, link.prev)) return { status: 'broken' }
  const above = state.ahead.find(({ number }) => number === link.number + 1)
  if (above !== undefined && !equalBytes(above.prev, link.hash)) return { status: 'broken' }
  const ahead = [...state.ahead, link].sort((left, right) => left.number - right.number)
  const next = absorb({ ...state, ahead, gaps: state.gaps.flatMap((gap) => without(gap, link.number)) })
  return { status: next.head.number >= link.number ? 'linked' : 'pending', state: next }
}

function placeBehindHead(state: ChainState, link: ReceivedLink): LinkResult {
  const gap = state.gaps.find(({ from, to }) => from <= link.number && link.number <= to)
  if (gap === undefined) {
    if (link.number !== state.head.number) return { status: 'stale' }
    return { status: equalBytes(link.hash, state.head.hash) ? 'known' : 'broken' }
  }
  if (link.number === gap.from && gap.before !== undefined && !equalBytes(gap.before, link.prev)) return { status: 'broken' }
  if (link.number === gap.to && gap.after !== undefined && !equalBytes(gap.after, link.hash)) return { status: 'broken' }
  const parts: NamedGap[] = []
  if (gap.from < link.number) {
    parts.push({ from: gap.from, to: link.number - 1, reason: gap.reason, ...(gap.before === undefined ? {} : { before: gap.before }), after: link.prev })
  }
  if (link.number < gap.to) {
    parts.push({ from: link.number + 1, to: gap.to, reason: gap.reason, before: link.hash, ...(gap.after === undefined ? {} : { after: gap.after }) })
  }
  return { status: 'filled', state: { ...state, gaps: state.gaps.flatMap((other) => (other === gap ? parts : [other])) } }
}

/** The chain once its sender said where this device enters it; a later word changes only what comes before. */
export function joinChain(state: ChainState, start: { readonly number: number; readonly prev: Uint8Array }): ChainState {
  if (state.joinedAt !== undefined) return start.number < state.joinedAt ? joinEarlier(state, start, state.joinedAt) : state
  if (state.head.number === 0) {
    const head = { number: start.number - 1, hash: start.prev }
    // A sender that left this device out of a message may send it afterwards: then it has its place.
    const before: readonly NamedGap[] = start.number === 1 ? [] : [{ from: 1, to: start.number - 1, reason: 'before_you_joined', after: start.prev }]
    const gaps = [...before, ...state.gaps.flatMap((gap) => (gap.to < start.number ? [] : [{ ...gap, from: Math.max(gap.from, start.number) }]))]
    return { ...state, joinedAt: start.number, head, gaps, ahead: state.ahead.filter(({ number }) => number >= start.number) }
  }
  return { ...state, joinedAt: start.number, gaps: state.gaps.flatMap((gap) => splitAt(gap, start.number)) }
}

/** The sender takes back that the device joined only at `joinedAt`: what it was not meant to read before is awaited from `number` on. */
function joinEarlier(state: ChainState, { number, prev }: { readonly number: number; readonly prev: Uint8Array }, joinedAt: number): ChainState {
  const before = state.gaps.find((gap) => gap.reason === 'before_you_joined' && gap.from <= number && gap.to === joinedAt - 1)
  if (state.head.number === joinedAt - 1 && before !== undefined) {
    // Nothing of the chain came so far, so nothing proves that the server was given what lies between: it is awaited like any other message.
    const left = before.from < number ? [{ ...before, to: number - 1, after: prev }] : []
    return { ...state, joinedAt: number, head: { number: number - 1, hash: prev }, gaps: state.gaps.flatMap((gap) => (gap === before ? left : [gap])) }
  }
  // Who was left out of several messages gets them one after the other, the first with this word: the server is accused of none before there was time for them.
  const gaps = state.gaps.flatMap((gap) => (gap.to < joinedAt && gap.reason === 'before_you_joined' ? splitAt(gap, number) : [gap]))
  return { ...state, joinedAt: number, gaps }
}

function splitAt(gap: NamedGap, number: number): NamedGap[] {
  if (gap.from >= number) return [gap]
  if (gap.to < number) return [{ ...gap, reason: 'before_you_joined' }]
  const { before, after } = gap
  return [
    { from: gap.from, to: number - 1, reason: 'before_you_joined', ...(before === undefined ? {} : { before }) },
    { from: number, to: gap.to, reason: gap.reason, ...(after === undefined ? {} : { after }) },
  ]
}

/** A gap above the head once `number` came: nothing is known of neighbours there. */
function without(gap: NamedGap, number: number): NamedGap[] {
  if (number < gap.from || gap.to < number) return [gap]
  return [{ ...gap, to: number - 1 }, { ...gap, from: number + 1 }].filter(({ from, to }) => from <= to)
}

function absorb(state: ChainState): ChainState {
  let { head } = state
  let taken = 0
  for (const link of state.ahead) {
    if (link.number !== head.number + 1 || !equalBytes(link.prev, head.hash)) break
    head = { number: link.number, hash: link.hash }
    taken += 1
  }
  if (taken === 0) return state
  // Number 1 needs no word of the sender: it is where every chain starts.
  const joinedAt = state.joinedAt ?? (state.head.number === 0 ? 1 : undefined)
  return { ...state, head, ahead: state.ahead.slice(taken), ...(joinedAt === undefined ? {} : { joinedAt }) }
}

/** The numbers that are missing and not named yet, ascending. */
export function missingRanges(state: ChainState): { readonly from: number; readonly to: number }[] {
  const ranges: { from: number; to: number }[] = []
  let expected = state.head.number + 1
  for (const { number } of state.ahead) {
    if (number > expected) ranges.push({ from: expected, to: number - 1 })
    expected = number + 1
  }
  return ranges
}

/** Numbers behind the head that the sender said were meant for this device after all, and that did not come so far. */
export function awaitedRanges({ joinedAt, gaps }: ChainState): readonly NamedGap[] {
  return gaps.filter(({ to, reason }) => joinedAt !== undefined && reason === 'before_you_joined' && to >= joinedAt)
}

/** Whether numbers are missing that have no name so far. */
export function isIncomplete(state: ChainState): boolean {
  return missingRanges(state).length > 0 || awaitedRanges(state).length > 0
}

/** Gives every missing number a name, so that the chain goes on behind it; one that has a name keeps it. Returns the new gaps. */
export function nameMissing(before: ChainState, reason: GapReason): { readonly state: ChainState; readonly named: readonly NamedGap[] } {
  const awaited = new Set(awaitedRanges(before))
  const known = before.gaps.map((gap) => (awaited.has(gap) ? { ...gap, reason } : gap))
  let state: ChainState = { ...before, gaps: known }
  const gaps: NamedGap[] = known.filter(({ to }) => to <= before.head.number)
  const above = known.filter(({ to }) => to > before.head.number)
  const named: NamedGap[] = known.filter((gap) => !before.gaps.includes(gap))
  for (let next = state.ahead[0]; next !== undefined; next = state.ahead[0]) {
    const missing = { from: state.head.number + 1, to: next.number - 1, reason, before: state.head.hash, after: next.prev }
    // Empty when the sender's start contradicts a message that was shown before it: nothing is missing then.
    const pieces = missing.from <= missing.to ? around(missing, above) : []
    gaps.push(...pieces)
    named.push(...pieces.filter((piece) => !above.some(({ from, to }) => from <= piece.from && piece.from <= to)))
    state = absorb({ ...state, head: { number: next.number, hash: next.hash }, ahead: state.ahead.slice(1) })
  }
  const left = above.filter(({ from }) => from > state.head.number)
  return { state: { ...state, gaps: [...gaps, ...left].slice(-CHAIN_GAPS_MAX) }, named }
}

/** The pieces of a gap: what lies in it and has a name already keeps that, and the ends know their neighbours. */
function around(missing: Required<NamedGap>, named: readonly NamedGap[]): NamedGap[] {
  const inside = named.filter(({ from }) => missing.from <= from && from <= missing.to).sort((left, right) => left.from - right.from)
  const pieces: NamedGap[] = []
  let next = missing.from
  for (const { from, to, reason } of inside) {
    if (next < from) pieces.push({ from: next, to: from - 1, reason: missing.reason })
    pieces.push({ from, to, reason })
    next = to + 1
  }
  if (next <= missing.to) pieces.push({ from: next, to: missing.to, reason: missing.reason })
  return pieces.map((piece) => ({
    ...piece, ...(piece.from === missing.from ? { before: missing.before } : {}), ...(piece.to === missing.to ? { after: missing.after } : {}),
  }))
}

/** Gives one number a name, wherever it stands; undefined where it has one, or something was taken for it, or its place is behind what is remembered. */
export function nameNumber(state: ChainState, number: number, reason: GapReason): ChainState | undefined {
  const awaited = awaitedRanges(state).find(({ from, to }) => from <= number && number <= to)
  if (awaited !== undefined) return { ...state, gaps: state.gaps.flatMap((gap) => (gap === awaited ? piecesAround(gap, number, reason) : [gap])) }
  const isKnown = number <= state.head.number || state.ahead.some((link) => link.number === number) || state.gaps.some(({ from, to }) => from <= number && number <= to)
  if (isKnown) return undefined
  const neighbour = state.gaps.find((gap) => gap.from > state.head.number && gap.reason === reason && (gap.to === number - 1 || gap.from === number + 1))
  const gap = { from: Math.min(number, neighbour?.from ?? number), to: Math.max(number, neighbour?.to ?? number), reason }
  return { ...state, gaps: [...state.gaps.filter((other) => other !== neighbour), gap].slice(-CHAIN_GAPS_MAX) }
}

/** A gap as up to three: one number of it has another name. */
function piecesAround({ from, to, before, after, reason: known }: NamedGap, number: number, reason: GapReason): NamedGap[] {
  const pieces = [{ from, to: number - 1, reason: known }, { from: number, to: number, reason }, { from: number + 1, to, reason: known }].filter((piece) => piece.from <= piece.to)
  return pieces.map((piece) => ({
    ...piece, ...(piece.from === from && before !== undefined ? { before } : {}), ...(piece.to === to && after !== undefined ? { after } : {}),
  }))
}
