import {
  collectDefaultMetrics, Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry,
} from 'prom-client'

/** Label values. They come from small fixed sets (codes, route templates), never from ids or addresses: each new value is a new series. */
export type Labels = Readonly<Record<string, string>>

/** Counts up. */
export interface Counter {
  /** Adds `amount`, 1 by default. */
  add(amount?: number, labels?: Labels): void
  /** The same counter with fixed labels, looked up once: for hot paths. */
  with(labels: Labels): { add(amount?: number): void }
}

/** A value that goes up and down. */
export interface Gauge {
  set(value: number, labels?: Labels): void
  add(amount: number, labels?: Labels): void
}

/** Counts observations in buckets. */
export interface Histogram {
  observe(value: number, labels?: Labels): void
  /** The same histogram with fixed labels, looked up once: for hot paths. */
  with(labels: Labels): { observe(value: number): void }
}

/** What a metric is: `name` in snake case with its unit last (`_total`, `_ms`, `_bytes`), `help` in words, its label names. */
export interface MetricOptions {
  readonly name: string
  readonly help: string
  readonly labels?: readonly string[]
}

/** Makes metrics and prints all of them. Asking again for a name gives the same metric. */
export interface Metrics {
  counter(options: MetricOptions): Counter
  /** With `read`, the value is taken when the metrics are printed. */
  gauge(options: MetricOptions & { readonly read?: () => number }): Gauge
  /** `buckets` are upper bounds in the unit of the metric. */
  histogram(options: MetricOptions & { readonly buckets?: readonly number[] }): Histogram
  /** Everything in the Prometheus text format. */
  text(): Promise<string>
  readonly contentType: string
}

/** Upper bounds in milliseconds that fit requests and commits. */
export const LATENCY_BUCKETS_MS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] as const

/** A registry of its own (nothing global). `processMetrics` adds memory, event loop and garbage collection of the process. */
export function createMetrics(options: { readonly prefix?: string; readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry()
  const prefix = options.prefix ?? 'evegram_'
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry, prefix })
  const made = new Map<string, Counter | Gauge | Histogram>()

  function once<Metric extends Counter | Gauge | Histogram>(name: string, make: (fullName: string) => Metric): Metric {
    const fullName = `${prefix}${name}`
    const metric = made.get(fullName) ?? make(fullName)
    made.set(fullName, metric)
    // A name is used by one kind of metric: prom-client refuses a second registration under it, so the kind is Metric.
    return metric as Metric
  }

  return {
    counter: ({ name, help, labels }) => once(name, (fullName): Counter => {
      const counter = new PromCounter({ name: fullName, help, labelNames: labels ?? [], registers: [registry] })
      return {
        add: (amount = 1, values = {}) => { counter.inc(values, amount) },
        with: (values) => {
          const child = counter.labels(values)
          return { add: (amount = 1) => { child.inc(amount) } }
        },
      }
    }),
    gauge: ({ name, help, labels, read }) => once(name, (fullName): Gauge => {
      const gauge = new PromGauge({
        name: fullName, help, labelNames: labels ?? [], registers: [registry],
        ...(read === undefined ? {} : { collect() { this.set(read()) } }),
      })
      return {
        set: (value, values = {}) => { gauge.set(values, value) },
        add: (amount, values = {}) => { gauge.inc(values, amount) },
      }
    }),
    histogram: ({ name, help, labels, buckets }) => once(name, (fullName): Histogram => {
      const histogram = new PromHistogram({
        name: fullName, help, labelNames: labels ?? [], registers: [registry], buckets: [...(buckets ?? LATENCY_BUCKETS_MS)],
      })
      return {
        observe: (value, values = {}) => { histogram.observe(values, value) },
        with: (values) => {
          const child = histogram.labels(values)
          return { observe: (value) => { child.observe(value) } }
        },
      }
    }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
