import type { Counter, Metrics } from '../../metrics.js'

/** What a session counts. */
export interface SessionCounters {
  readonly requests: Counter
  readonly failures: Counter
  readonly speculative: Counter
  readonly unknownOutcomes: Counter
  readonly refused: Counter
}

const UNCOUNTED: Counter = { add: () => undefined, with: () => ({ add: () => undefined }) }

/** The counters of a session; without `metrics` they count nowhere. */
export function sessionCounters(
  metrics: Metrics | undefined, gauges: { readonly inFlight: () => number; readonly queued: () => number },
): SessionCounters {
  const labels = ['kind']
  metrics?.gauge({ name: 'cassandra_requests_in_flight', help: 'Requests on their way to Cassandra.', read: gauges.inFlight })
  metrics?.gauge({ name: 'cassandra_requests_queued', help: 'Requests that wait for a slot.', read: gauges.queued })
  const counter = (name: string, help: string, names: readonly string[]): Counter => metrics?.counter({ name, help, labels: names }) ?? UNCOUNTED
  return {
    requests: counter('cassandra_requests_total', 'Requests sent to Cassandra.', labels),
    failures: counter('cassandra_failures_total', 'Requests that were rejected.', labels),
    speculative: counter('cassandra_speculative_executions_total', 'Second requests because a replica was slow.', []),
    unknownOutcomes: counter('cassandra_unknown_outcomes_total', 'Writes that were rejected and may be applied all the same.', labels),
    refused: counter('cassandra_queue_refusals_total', 'Requests refused because too many waited.', []),
  }
}
