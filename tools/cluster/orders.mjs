// What a parent process may ask of a running cluster over Node IPC, and how it is answered.

const FAULT_MS_MAX = 600_000
/** A day either way. */
const AHEAD_MS_MAX = 86_400_000

/**
 * Carries out one order `{kind: 'kill' | 'pause' | 'restart' | 'roll' | 'failover' | 'cut' | 'fill' | 'skew' | 'leader' | 'primary' | 'list', id, name?, ms?,
 * aheadMs?, restarts?}`: what each means is said at the methods of the cluster. Resolves with `{kind: 'done', id, processes, name?}`, or with `error` when it could not be done; never rejects.
 */
export async function carryOut(cluster, order) {
  const { kind, id, name, ms } = order
  try {
    let found
    if (kind === 'kill') await cluster.kill(requireName(name))
    else if (kind === 'restart') await cluster.restart(requireName(name))
    else if (kind === 'pause') await cluster.pause(requireName(name), requireMs(ms))
    else if (kind === 'roll') await cluster.roll()
    else if (kind === 'failover') found = await cluster.failover(ms === undefined ? 0 : requireMs(ms))
    else if (kind === 'cut') await cluster.cut(requireName(name), requireMs(ms))
    else if (kind === 'fill') await cluster.fill(requireName(name), requireMs(ms))
    else if (kind === 'skew') await cluster.skew(requireName(name), { ms: requireMs(ms), aheadMs: requireAhead(order.aheadMs), restarts: order.restarts === true })
    else if (kind === 'leader') found = await cluster.leader()
    else if (kind === 'primary') found = await cluster.primary()
    else if (kind !== 'list') throw new Error(`no such order: ${String(kind)}`)
    return { kind: 'done', id, processes: cluster.list(), ...(found === undefined ? {} : { name: found }) }
  } catch (error) {
    return { kind: 'done', id, error: error.message }
  }
}

function requireName(name) {
  if (typeof name !== 'string') throw new Error('the order names no process')
  return name
}

function requireMs(ms) {
  if (Number.isInteger(ms) && ms > 0 && ms <= FAULT_MS_MAX) return ms
  throw new Error(`a fault lasts 1 to ${FAULT_MS_MAX} ms`)
}

function requireAhead(aheadMs) {
  if (Number.isInteger(aheadMs) && Math.abs(aheadMs) <= AHEAD_MS_MAX) return aheadMs
  throw new Error(`a clock is at most ${AHEAD_MS_MAX} ms ahead or behind`)
}
