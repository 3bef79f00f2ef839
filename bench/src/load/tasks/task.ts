import type { GivenOptions, OptionSpec } from '../cli/command-line.js'
import type { Distribution } from '../result.js'
import type { ClusterSize } from '../targets/cluster-target.js'
import type { Target } from '../targets/target.js'

/** A scenario that is not messages at planned times: it has steps and figures of its own, and the same command line, thresholds and reports. */
export interface Task {
  /** As it is given on the command line, and stands in results. */
  readonly name: string
  /** One sentence for the list. */
  readonly summary: string
  /** What it does when no option says otherwise, in a few words: for the table in the docs. */
  readonly defaults: string
  /** More about it, for its help. */
  readonly text: string
  /** Options beside those that all tasks have. */
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Its figures and their units ('' for a plain number): what thresholds may be about, in the order of the report. */
  readonly figures: Readonly<Record<string, string>>
  /** Thresholds that every run of it has, unless one about the same figure is given. */
  readonly mustHold: readonly string[]
  /** It starts and ends servers of its own: none is looked for, and the target of its runs is nothing. */
  readonly hasOwnServer?: true
  /** Reads what was asked. Throws UsageError or RangeError for what cannot be done; starts nothing. */
  plan(given: GivenOptions): TaskPlan
}

/** What one run of a task will do. */
export interface TaskPlan {
  /** Everything that decides what it does, but the seed. */
  readonly config: Readonly<Record<string, string | number>>
  /** The same for a person, in a line. */
  readonly text: string
  /** Clients that are connected at the same time: the server is started for so many. */
  readonly clients: number
  /** A task that needs several processes starts a cluster of this size for itself. */
  readonly cluster?: ClusterSize
  run(context: TaskContext): Promise<TaskOutcome>
}

/** What a run of a task works with. */
export interface TaskContext {
  readonly target: Target
  readonly seed: string
  /** Says how far a step is. */
  readonly onProgress: (step: string, done: number, total: number) => void
}

/** What came of a run. A figure that was not measured is absent, and no threshold about it holds. */
export interface TaskOutcome {
  readonly measuredSeconds: number
  readonly figures: Readonly<Record<string, number>>
  readonly distributions: readonly { readonly name: string; readonly distribution: Distribution }[]
  /** What went wrong, with how often. */
  readonly failures: Readonly<Record<string, number>>
  /** What a reader has to know about the figures. */
  readonly notes: readonly string[]
  /** Why the figures say nothing about the server; empty when they do. */
  readonly invalid: readonly string[]
}
