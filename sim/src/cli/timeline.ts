import type { Violation } from '../kernel/run.js'
import type { TraceLine } from '../kernel/trace.js'

/** The part of a trace that a person reads first. */
export interface Timeline {
  readonly lines: readonly TraceLine[]
  /** Lines of the whole trace. */
  readonly total: number
  /** Ids and names from the violation that lines were chosen by. */
  readonly subjects: readonly string[]
}

/** Lines right before the end that are shown whatever they are about. */
const ENDING_LINES = 12
/** Ids as traces cut them. */
const ID = /\b[0-9a-f]{8}\b/g
/** Names of processes, machines and devices: `n1.2`, `n1`, `alice-2`, `alice-2.1`. */
const PLACE = /\b[a-z]+-?\d+(?:\.\d+)?\b/g
const FAULT_WORDS = [
  'crash', 'started', 'could not', 'left', 'drains', 'paused', 'asleep', 'stepped', 'died', 'cut', 'lost', 'refused', 'unknown', 'late', 'slow',
  'disk', 'dropped', 'logged', 'revokes',
]
/** Who is not a program under test: what they do is done to it. */
const STRIKERS: ReadonlySet<string> = new Set(['world', 'liar', 'auditor'])
const FAULT = new RegExp(`\\b(?:${FAULT_WORDS.join('|')})\\b`, 'i')

/**
 * What to read of the trace of a broken promise: the lines that name its ids, then those of the places that it names, every fault, and the end.
 * At most `limit` lines: up to half of them name an id, the others are the last ones. The run stops at the breach, so the trace is the
 * shortest prefix that breaks it.
 */
export function timelineOf(trace: readonly TraceLine[], violation: Violation, limit: number | 'all'): Timeline {
  const ids = namesIn(violation.what, ID)
  const places = namesIn(violation.what, PLACE)
  const subjects = [...ids, ...places]
  if (limit === 'all') return { lines: trace, total: trace.length, subjects }
  const naming: number[] = []
  const others: number[] = []
  for (const [index, line] of trace.entries()) {
    if (ids.some((id) => line.what.includes(id))) naming.push(index)
    else if (index >= trace.length - ENDING_LINES || isFault(line) || concerns(line, places)) others.push(index)
  }
  const named = last(naming, Math.ceil(limit / 2))
  const chosen = [...named, ...last(others, limit - named.length)].sort((one, other) => one - other)
  return { lines: chosen.flatMap((index) => trace[index] ?? []), total: trace.length, subjects }
}

function namesIn(text: string, pattern: RegExp): string[] {
  return [...new Set(text.match(pattern) ?? [])]
}

function last(indexes: readonly number[], count: number): readonly number[] {
  return count <= 0 ? [] : indexes.slice(-count)
}

function concerns(line: TraceLine, places: readonly string[]): boolean {
  return places.some((place) => line.who === place || line.who.startsWith(`${place}.`) || line.what.includes(place))
}

function isFault(line: TraceLine): boolean {
  return STRIKERS.has(line.who) || FAULT.test(line.what)
}
