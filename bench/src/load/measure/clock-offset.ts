/** How far the clock of a worker is from the coordinator's. */
export interface ClockOffset {
  readonly offsetUs: number
  /** The offset is known to this: half of the fastest round trip. */
  readonly uncertaintyUs: number
}

/** One question about the time: when it was asked and answered here, and what the other clock said. */
export interface ClockSample {
  readonly askedUs: number
  readonly answeredUs: number
  readonly theirsUs: number
}

/** The offset by the fastest of several round trips (as NTP does). Throws RangeError without any. */
export function clockOffset(samples: readonly ClockSample[]): ClockOffset {
  const [first, ...others] = samples
  if (first === undefined) throw new RangeError('no sample of the clock')
  const fastest = others.reduce((best, sample) => (sample.answeredUs - sample.askedUs < best.answeredUs - best.askedUs ? sample : best), first)
  return { offsetUs: Math.round(fastest.theirsUs - (fastest.askedUs + fastest.answeredUs) / 2), uncertaintyUs: Math.round((fastest.answeredUs - fastest.askedUs) / 2) }
}
