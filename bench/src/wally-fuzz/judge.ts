import type { SeenFailure, RouteTally } from './tally.js'

/** What the program that makes the requests says of its run. */
export interface FuzzVerdict {
  /** Whether it came to its end. */
  readonly complete: boolean
  readonly tested: number
  readonly cases: number
  /** Kinds of findings, and the routes that have them. */
  readonly failures: readonly { readonly title: string; readonly count: number; readonly operations: readonly string[] }[]
  /** What it could not do. */
  readonly errors: readonly string[]
}

/** What both sides saw. */
export interface FuzzFacts {
  readonly verdict: FuzzVerdict
  readonly routes: ReadonlyMap<string, Readonly<RouteTally>>
  readonly failures: readonly SeenFailure[]
  /** Whether the server still answers when everything is over. */
  readonly isAlive: boolean
}

/** Why a run did not hold, a line for each reason; none when it did. */
export function findingsOf({ verdict, routes, failures, isAlive }: FuzzFacts): readonly string[] {
  const silent = [...routes].filter(([, { asked }]) => asked === 0).map(([route]) => route)
  return [
    ...(isAlive ? [] : ['the server answers no more']),
    ...(verdict.complete ? [] : ['the run did not come to its end']),
    ...verdict.errors.map((error) => `the run could not do all of it: ${error}`),
    ...verdict.failures.map(({ title, count, operations }) => `${title} (${String(count)}): ${operations.join(', ')}`),
    ...failures.map(({ route, status }) => `${String(status)} from ${route}`),
    // A run that asked nothing found nothing.
    ...(silent.length === 0 ? [] : [`nothing was asked of ${silent.join(', ')}`]),
    ...(verdict.tested === routes.size ? [] : [`${String(verdict.tested)} of ${String(routes.size)} routes were tested`]),
  ]
}
