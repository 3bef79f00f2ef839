import { LatencyHistogram } from './measure/latency-histogram.js'
import type { Distribution, LoadResult, Unjudged } from './result.js'

/** A distribution of these times in ms. */
export function distribution(...ms: readonly number[]): Distribution {
  const histogram = new LatencyHistogram()
  for (const one of ms) histogram.record(one * 1_000)
  return { ...histogram.summary(), histogram: histogram.encode() }
}

/** A run in which nothing was wrong; tests change what they are about. */
export function unjudged(change: Partial<Unjudged> = {}): Unjudged {
  return {
    startedAt: '2026-01-01T00:00:00.000Z',
    config: {
      scenario: 'one-to-one', driver: 'evegram', clients: 2, payloadBytes: 200, payload: 'opaque', seed: 's', workers: 1, warmUpSeconds: 1,
      loop: { kind: 'open', stages: [{ seconds: 2, fromPerSecond: 10, toPerSecond: 10 }], arrivals: 'poisson' }, pinned: false,
    },
    system: { description: 'a server', acknowledges: 'durable', pids: [1] },
    machine: { cpu: 'c', cores: 2, kernel: 'k', node: '20', commit: 'abc', memoryGiB: 4, loadAverageBefore: [0, 0, 0], loadAverageAfter: [0, 0, 0] },
    clocks: [{ worker: 0, offsetUs: 1, uncertaintyUs: 5 }], measuredSeconds: 2, deliveriesPerSecond: 10, sentPerSecond: 10,
    counters: {
      sent: 20, acknowledged: 20, delivered: 20, expected: 20, lost: 0, duplicated: 0, reordered: 0, undecryptable: 0, misdelivered: 0, unacknowledged: 0, refused: 0, disconnected: 0,
    },
    latency: { delivery: distribution(1, 2, 3), acknowledgement: distribution(1, 2), sendLag: distribution(0.1) },
    server: { cpuSeconds: 0.5, userSeconds: 0.4, systemSeconds: 0.1, deliveriesPerCpuSecond: 1_000, rssMaxMiB: 100, waitedShare: 0 },
    generator: { sendLagP99Ms: 0.1, unsent: 0, eventLoopDelayP99Ms: 1, cpuShare: 0.1, waitedShare: 0, serverStarvedShare: 0, clockErrorMs: 0 },
    timeline: [
      { atSeconds: 0.5, isWarmUp: true, planned: 10, sent: 10, acknowledged: 10, delivered: 10, refused: 0, duplicated: 0, sendLagMaxMs: 0.1, generatorCpuPercent: 10 },
      { atSeconds: 1, isWarmUp: false, planned: 10, sent: 10, acknowledged: 10, delivered: 10, refused: 0, duplicated: 0, p50Ms: 1, p99Ms: 3, maxMs: 3, sendLagMaxMs: 0.1, serverCpuPercent: 20, serverRssMiB: 100, serverLoopDelayMs: 1, generatorCpuPercent: 10 },
    ],
    failures: {}, isAborted: false, ...change,
  }
}

/** The same, judged as one that passed. */
export function result(change: Partial<LoadResult> = {}): LoadResult {
  return { ...unjudged(), format: 'evegram-bench/1', thresholds: [], validity: { valid: true, reasons: [] }, notes: [], verdict: 'pass', ...change }
}
