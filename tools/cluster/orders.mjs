// What a parent process may ask of a running cluster over Node IPC, and how it is answered.

const PAUSE_MS_MAX = 600_000

/**
 * Carries out one order `{kind: 'kill' | 'pause' | 'restart' | 'roll' | 'failover' | 'leader' | 'primary' | 'list', id, name?, ms?}`. Resolves with `{kind: 'done', id, processes,
 * name?}`, or with `error` when it could not be done; never rejects.
 */
export async function carryOut(cluster, order) {
  const { kind, id, name, ms } = order
  try {
    let found
    if (kind === 'kill') await cluster.kill(requireName(name))
    else if (kind === 'restart') await cluster.restart(requireName(name))
    else if (kind === 'pause') await cluster.pause(requireName(name), requireMs(ms))
    else if (kind === 'roll') await cluster.roll()
    else if (kind === 'failover') found = await cluster.failover()
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
  if (Number.isInteger(ms) && ms > 0 && ms <= PAUSE_MS_MAX) return ms
  throw new Error(`a pause has 1 to ${PAUSE_MS_MAX} ms`)
}
