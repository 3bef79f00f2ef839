import { createHash } from 'node:crypto'

/** What a fault is done to. `nats` means the server that leads. */
export const TARGETS = ['engine', 'cassandra', 'nats', 'redis', 'auth'] as const
/** See {@link TARGETS}. */
export type Target = (typeof TARGETS)[number]

/** One fault of a run. */
export type Fault =
  | { readonly kind: 'kill'; readonly target: Target }
  | { readonly kind: 'pause'; readonly target: Target; readonly ms: number }
  | { readonly kind: 'roll' }

/** A fault with what the seed decides. */
export interface PlannedFault {
  readonly fault: Fault
  /** Load without a fault before it, in ms. */
  readonly quietMs: number
  /** Picks one of the processes of the target: the index is `pick` modulo their number. */
  readonly pick: number
}

const QUIET_MS = [4_000, 8_000] as const

/** Numbers that a seed decides: the same name gives the same number. */
export function seededNumber(seed: string, name: string): number {
  return createHash('sha256').update(`${seed}/${name}`).digest().readUInt32BE(0)
}

/** Orders the faults by the seed, and says when each comes. */
export function planFaults(faults: readonly Fault[], seed: string): readonly PlannedFault[] {
  const [from, to] = QUIET_MS
  return faults.map((fault, index) => ({
    fault, pick: seededNumber(seed, `pick ${String(index)}`), quietMs: from + seededNumber(seed, `quiet ${String(index)}`) % (to - from), place: seededNumber(seed, `place ${String(index)}`),
  })).sort((left, right) => left.place - right.place).map(({ fault, quietMs, pick }) => ({ fault, quietMs, pick }))
}

/** `engine,cassandra` as targets; undefined for a name that is none. */
export function parseTargets(text: string): readonly Target[] | undefined {
  const names = text.split(',').map((name) => name.trim()).filter((name) => name !== '' && name !== 'none')
  const targets = names.flatMap((name) => TARGETS.filter((target) => target === name))
  return targets.length === names.length ? targets : undefined
}

/** `kill engine`, `pause engine 20 s`, `roll`. */
export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case 'kill': return `kill ${fault.target}`
    case 'pause': return `pause ${fault.target} ${String(fault.ms / 1_000)} s`
    case 'roll': return 'roll'
    default: return fault satisfies never
  }
}
