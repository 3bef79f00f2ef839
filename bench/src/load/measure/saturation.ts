/** What a run knows about the processes that made the load, and about the server's share of the machine. */
export interface GeneratorLoad {
  /** 99 % of all sends left within this time behind their planned one; undefined in a closed loop, which has no plan. */
  readonly sendLagP99Ms: number | undefined
  /** Messages that were planned and never left, because a bounded queue of the generator was full. */
  readonly unsent: number
  /** Of the worst worker. */
  readonly eventLoopDelayP99Ms: number
  /** Share of a core that the busiest worker used, 0 to 1. */
  readonly cpuShare: number
  /** Share of the time that the worst worker wanted a core and had none, 0 to 1. */
  readonly waitedShare: number
  /** Share of the time in which others kept the server from its cores (`starvedShare`); undefined when its processes are not known. */
  readonly serverStarvedShare: number | undefined
  /** How far the clock of a worker is certainly from the coordinator's: the offset beyond its uncertainty, of the worst. */
  readonly clockErrorMs: number
}

/** Above these the generator, or the machine, is what was measured. */
export const SATURATION_LIMITS = {
  /** Sends that leave later than this make a latency that is the generator's own. */
  sendLagP99Ms: 20,
  eventLoopDelayP99Ms: 50,
  cpuShare: 0.95,
  waitedShare: 0.1,
  serverStarvedShare: 0.1,
  clockErrorMs: 1,
} as const

/** Why a run says nothing about the server, in sentences; empty when it does. */
export function saturationReasons(load: GeneratorLoad): readonly string[] {
  const limits = SATURATION_LIMITS
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`
  const reasons: string[] = []
  if (load.unsent > 0) reasons.push(`${String(load.unsent)} planned messages never left the generator: its queue was full`)
  if (load.sendLagP99Ms !== undefined && load.sendLagP99Ms > limits.sendLagP99Ms) {
    reasons.push(`sends left behind their planned time (p99 ${load.sendLagP99Ms.toFixed(1)} ms, limit ${String(limits.sendLagP99Ms)} ms)`)
  }
  if (load.eventLoopDelayP99Ms > limits.eventLoopDelayP99Ms) {
    reasons.push(`the generator's event loop was late (p99 ${load.eventLoopDelayP99Ms.toFixed(1)} ms, limit ${String(limits.eventLoopDelayP99Ms)} ms)`)
  }
  // An open loop spins while it waits for the next planned time: its sends being on time says more than its CPU.
  if (load.sendLagP99Ms === undefined && load.cpuShare > limits.cpuShare) reasons.push(`a worker used a whole core (${percent(load.cpuShare)}): the rate is the generator's, not the server's`)
  if (load.waitedShare > limits.waitedShare) reasons.push(`a worker waited for a core ${percent(load.waitedShare)} of the time (limit ${percent(limits.waitedShare)})`)
  if (load.serverStarvedShare !== undefined && load.serverStarvedShare > limits.serverStarvedShare) {
    reasons.push(`others kept the server from its core ${percent(load.serverStarvedShare)} of the time (limit ${percent(limits.serverStarvedShare)})`)
  }
  if (load.clockErrorMs > limits.clockErrorMs) reasons.push(`the clocks of the workers differ (${load.clockErrorMs.toFixed(1)} ms): latencies between them mean nothing`)
  return reasons
}

/**
 * Whether what the server paid for a message may be read, even where rates and latencies may not: a generator at its end leaves the server less to do than it
 * could, which changes how much it batches and so what a message costs, but the CPU that was counted is the server's own. Not so when others had its cores
 * (its caches were cold), or when the plan was not kept.
 */
export function costStands({ serverStarvedShare, unsent }: GeneratorLoad): boolean {
  return unsent === 0 && serverStarvedShare !== undefined && serverStarvedShare <= SATURATION_LIMITS.serverStarvedShare
}
