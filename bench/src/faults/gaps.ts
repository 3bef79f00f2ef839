import type { DeviceReport } from './client-protocol.js'

/** A stretch of a run: from a fault to the next one. Times in ms of the monotonic clock. */
export interface Window {
  readonly name: string
  readonly startMs: number
  readonly endMs: number
  /** Goal for the longest wait for an ack and for the longest delivery, in ms. */
  readonly goalMs?: number
}

/** What people noticed of a stretch of a run. */
export interface WindowResult {
  readonly name: string
  /** Longest time without any acknowledgement for anybody, in ms. */
  readonly ackSilenceMs: number
  /** Longest time that one message waited for its acknowledgement while this stretch went on, in ms. */
  readonly ackWaitMs: number
  /** Longest time from sending to a device that shows it, in ms. */
  readonly deliveryMs: number
  /** Times from sending to being shown, of messages sent in this stretch, in ms. */
  readonly deliveryP50Ms: number
  readonly deliveryP99Ms: number
  /** Messages sent in this stretch. */
  readonly sent: number
  /** Connections that were opened, and most of one device. */
  readonly reconnects: number
  readonly reconnectsOfOneMax: number
  readonly goalMs?: number
  /** Whether both waits stayed within the goal, where there is one. */
  readonly withinGoal?: boolean
}

/** Value below which `share` of the ascending values lie; 0 without values. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0
}

/** Messages that some device told its user of more than once: the history shows what is stored, this what people saw happen. */
export function toldTwice(reports: readonly DeviceReport[]): number {
  return reports.reduce((sum, { shown }) => sum + shown.length - new Set(shown.map(([text]) => text)).size, 0)
}

/**
 * What each stretch meant to people. A message counts in every stretch during which it was waiting, so that one that was caught by a fault is
 * counted there however late it was sent before.
 */
export function measureWindows(windows: readonly Window[], reports: readonly DeviceReport[]): readonly WindowResult[] {
  const sentAt = new Map<string, number>()
  const acks: { readonly sentMs: number; readonly ackedMs: number }[] = []
  for (const { name, acks: own } of reports) {
    for (const [number, sentMs, ackedMs] of own) {
      sentAt.set(`${name}:${String(number)}`, sentMs)
      acks.push({ sentMs, ackedMs })
    }
  }
  const deliveries = reports.flatMap(({ shown }) => shown.flatMap(([text, shownMs]) => {
    const sentMs = sentAt.get(text)
    return sentMs === undefined ? [] : [{ sentMs, shownMs }]
  }))
  const ackTimes = acks.map(({ ackedMs }) => ackedMs).sort((left, right) => left - right)
  return windows.map(({ name, startMs, endMs, goalMs }) => {
    const isIn = (ms: number): boolean => ms >= startMs && ms < endMs
    const inside = ackTimes.filter(isIn)
    let ackSilenceMs = 0
    // A stretch that ends without an acknowledgement was silent to its end.
    for (const [index, ms] of [...inside, endMs].entries()) ackSilenceMs = Math.max(ackSilenceMs, ms - (inside[index - 1] ?? startMs))
    const longest = (waits: readonly (readonly [fromMs: number, toMs: number])[]): number => waits
      .reduce((most, [fromMs, toMs]) => (fromMs < endMs && toMs >= startMs ? Math.max(most, toMs - fromMs) : most), 0)
    const times = deliveries.filter(({ sentMs }) => isIn(sentMs)).map(({ sentMs, shownMs }) => shownMs - sentMs).sort((left, right) => left - right)
    const connects = reports.map((report) => report.connects.filter(isIn).length)
    const ackWaitMs = longest(acks.map(({ sentMs, ackedMs }) => [sentMs, ackedMs]))
    const deliveryMs = longest(deliveries.map(({ sentMs, shownMs }) => [sentMs, shownMs]))
    return {
      name, ackSilenceMs, ackWaitMs, deliveryMs,
      deliveryP50Ms: percentile(times, 0.5), deliveryP99Ms: percentile(times, 0.99), sent: acks.filter(({ sentMs }) => isIn(sentMs)).length,
      reconnects: connects.reduce((sum, count) => sum + count, 0), reconnectsOfOneMax: Math.max(0, ...connects),
      ...(goalMs === undefined ? {} : { goalMs, withinGoal: Math.max(ackWaitMs, deliveryMs) <= goalMs }),
    }
  })
}
