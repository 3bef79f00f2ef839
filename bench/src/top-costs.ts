/** Share of CPU samples of one function. */
export interface FunctionCost {
  /** `function file:line`. */
  readonly name: string
  /** Part of all samples that were not idle, 0 to 1. */
  readonly share: number
}

/** A function where it was called from. */
export interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

/** What is used of a V8 CPU profile. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  /** Of the first sample's interval, in us on the monotonic clock of the machine. */
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** `function file:line`, or what V8 calls a part that is no function, in brackets. */
export function frameName({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const file = url === '' ? '' : ` ${url.split('/').slice(-3).join('/')}:${String(lineNumber + 1)}`
  return `${functionName === '' ? '(anonymous)' : functionName}${file}`
}

/** Whether the thread used no core: V8 calls that idle, or the socket tier of a busy server let it rest between two rounds (`engine/src/adapters/uws/rounds.ts`). */
export function isIdle({ callFrame: { functionName, url } }: ProfileNode): boolean {
  return functionName === '(idle)' || (functionName === 'restThread' && url.endsWith('/rounds.js'))
}

/** The functions of a V8 CPU profile (`node --cpu-prof`) in which most time was spent themselves, idle time left out. */
export function topCosts(profile: CpuProfile, most: number): FunctionCost[] {
  const nameOf = new Map(profile.nodes.map((node) => [node.id, isIdle(node) ? undefined : frameName(node)]))
  const spent = new Map<string, number>()
  let total = 0
  for (const [index, id] of profile.samples.entries()) {
    const name = nameOf.get(id)
    if (name === undefined) continue
    const time = profile.timeDeltas[index] ?? 0
    total += time
    spent.set(name, (spent.get(name) ?? 0) + time)
  }
  return [...spent].map(([name, time]) => ({ name, share: time / Math.max(1, total) })).sort((left, right) => right.share - left.share).slice(0, most)
}
