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
/** Ids as traces cut them, and names of processes and devices (`n1`, `n1.2`, `alice-2`, `alice-2.1`). */
const SUBJECT = /\b(?:[0-9a-f]{8}|[a-z]+-?\d+(?:\.\d+)?)\b/g
const PROMISE = /^p\d+$/
const FAULT_WORDS = [
  'crash', 'started', 'could not', 'left', 'drains', 'paused', 'asleep', 'stepped', 'died', 'closed', 'ended', 'cut', 'lost', 'refused', 'unknown',
  'late', 'slow', 'disk', 'dropped', 'logged', 'revokes',
]
/** Who is not a program under test: what they do is done to it. */
const STRIKERS: ReadonlySet<string> = new Set(['world', 'liar', 'auditor'])
const FAULT = new RegExp(`\\b(?:${FAULT_WORDS.join('|')})\\b`, 'i')

/**
 * What to read of the trace of a broken promise: the lines that concern what the violation names, every fault, and the end. `limit` counts
 * from the end. The run stops at the breach, so the trace is the shortest prefix that breaks it.
 */
export function timelineOf(trace: readonly TraceLine[], violation: Violation, limit: number | 'all'): Timeline {
  const subjects = [...new Set(violation.what.match(SUBJECT) ?? [])].filter((name) => !PROMISE.test(name))
  if (limit === 'all') return { lines: trace, total: trace.length, subjects }
  const ending = trace.length - ENDING_LINES
  const chosen = trace.filter((line, index) => index >= ending || isFault(line) || concerns(line, subjects))
  return { lines: limit === 0 ? [] : chosen.slice(-limit), total: trace.length, subjects }
}

function concerns(line: TraceLine, subjects: readonly string[]): boolean {
  return subjects.some((subject) => line.who === subject || line.who.startsWith(`${subject}.`) || line.what.includes(subject))
}

function isFault(line: TraceLine): boolean {
  return STRIKERS.has(line.who) || FAULT.test(line.what)
}
