import { spreadOf, type ComparedRun, type Part, type Ratio, type Spread } from './compare.js'
import type { PeerName } from './drivers/driver-names.js'
import type { SyncedCommit } from './measure/synced-commit.js'

/** What this product is held to, beside another system in the same comparison. */
type Goal = { readonly scenario: string; readonly part: Part; readonly to: PeerName; readonly clients: number } & (
  /** Deliveries per CPU-second, divided by the other's. */
  | { readonly kind: 'per CPU-second'; readonly atLeast: number }
  /** p99 from plan to delivery: at most the other's, and so many synced commits (p99 of this machine). */
  | { readonly kind: 'p99'; readonly commits: number }
)

/** Clients with which the goals are stated, by scenario. A comparison has so many unless it is told otherwise. */
export const GOAL_CLIENTS: Readonly<Record<string, number>> = { 'one-to-one': 200, 'fan-out': 1_001 }

const PARTS_BOTH = ['closed', 'open 50 %'] as const
const perCpuSecond = (scenario: string, to: PeerName, atLeast: number): readonly Goal[] =>
  PARTS_BOTH.map((part) => ({ scenario, part, to, clients: GOAL_CLIENTS[scenario] ?? 0, kind: 'per CPU-second', atLeast }))

/** All goals. */
export const GOALS: readonly Goal[] = [
  ...perCpuSecond('one-to-one', 'raw-uws', 0.5),
  ...perCpuSecond('one-to-one', 'ejabberd', 5),
  { scenario: 'one-to-one', part: 'open 50 %', to: 'raw-uws', clients: GOAL_CLIENTS['one-to-one'] ?? 0, kind: 'p99', commits: 5 },
  ...perCpuSecond('fan-out', 'raw-uws', 0.85),
  ...perCpuSecond('fan-out', 'centrifugo', 1.8),
]

/** What came of a goal. */
export interface JudgedGoal {
  readonly text: string
  readonly state: 'met' | 'not met' | 'not measured'
  /** The ratio, or how many synced commits the p99 is above the other's. Null when there is none. */
  readonly actual: Spread | null
  /** Why it was not measured, and what has to be known beside the figure. */
  readonly notes: readonly string[]
}

/** What a comparison has measured. */
export interface Compared {
  readonly runs: readonly ComparedRun[]
  readonly ratios: readonly Ratio[]
  /** Systems that could not be started, with the reason. */
  readonly notMeasured: readonly { readonly driver: string; readonly reason: string }[]
  readonly syncedCommit: SyncedCommit | null
}

/** Holds a comparison against every goal; by the median of its repetitions. */
export function judgeGoals(of: string, compared: Compared): readonly JudgedGoal[] {
  return GOALS.map((goal) => judgedGoal(of, goal, compared))
}

function judgedGoal(of: string, goal: Goal, compared: Compared): JudgedGoal {
  const { runs, ratios, notMeasured } = compared
  const text = goalText(goal)
  const ratio = ratios.find(({ scenario, part, to }) => scenario === goal.scenario && part === goal.part && to === goal.to)
  if (ratio === undefined) {
    const missing = notMeasured.find(({ driver }) => driver === goal.to)
    return { text, state: 'not measured', actual: null, notes: [missing?.reason ?? `${goal.scenario} beside ${goal.to} was not asked for`] }
  }
  const own = runs.filter(({ scenario, part, result }) => scenario === goal.scenario && part === goal.part && result.config.driver === of)
  const clients = own[0]?.result.config.clients
  const sizes = clients === goal.clients ? [] : [`measured with ${String(clients)} clients, stated for ${String(goal.clients)}`]
  const [actual, notes] = goal.kind === 'per CPU-second' ? [ratio.perCpuSecond, []] : commitsAbove(of, goal, compared)
  if (actual === null) return { text, state: 'not measured', actual, notes: [...sizes, ...notes, 'the CPU of a server was not measured, or there was nothing to compare'] }
  // What a message costs stands also when a generator was at its end.
  const stands = goal.kind === 'per CPU-second' ? ratio.perCpuSecondValid : ratio.valid
  if (!stands) return { text, state: 'not measured', actual, notes: [...sizes, ...notes, 'a run behind it is not valid'] }
  const isMet = goal.kind === 'per CPU-second' ? actual.median >= goal.atLeast : actual.median <= goal.commits
  return { text, state: isMet ? 'met' : 'not met', actual, notes: [...sizes, ...notes] }
}

/** How many synced commits the own p99 is above the other's, repetition by repetition; 0 where it is below. */
function commitsAbove(of: string, goal: Goal, { runs, syncedCommit }: Compared): readonly [Spread | null, readonly string[]] {
  if (syncedCommit === null || syncedCommit.p99Ms === 0) return [null, []]
  const p99s = (driver: string): ReadonlyMap<number, number> => new Map(runs
    .filter(({ scenario, part, result }) => scenario === goal.scenario && part === goal.part && result.config.driver === driver).map(({ run, result }) => [run, result.latency.delivery.p99]))
  const [own, other] = [p99s(of), p99s(goal.to)]
  const pairs = [...own].flatMap(([run, ms]) => {
    const beside = other.get(run)
    return beside === undefined ? [] : [{ ms, beside }]
  })
  return [
    spreadOf(pairs.map(({ ms, beside }) => Number((Math.max(0, ms - beside) / syncedCommit.p99Ms).toFixed(3)))),
    [`p99 ${pairs.map(({ ms }) => ms.toFixed(1)).join(', ')} ms beside ${pairs.map(({ beside }) => beside.toFixed(1)).join(', ')} ms; a synced commit takes ${syncedCommit.p99Ms.toFixed(2)} ms (p99)`],
  ]
}

function goalText(goal: Goal): string {
  const where = `${goal.scenario}, ${goal.part}`
  return goal.kind === 'per CPU-second'
    ? `${where}: deliveries per CPU-second at least ${String(goal.atLeast)}x ${goal.to}`
    : `${where}: p99 at most that of ${goal.to} and ${String(goal.commits)} synced commits`
}
