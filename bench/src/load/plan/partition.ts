import type { Cast } from './cast.js'

/**
 * Gives every client to one of `workers`: the answer is the worker of each client. Members of a direct conversation or a group are together, so that one
 * process sees both ends of a message; followers of channels are spread. Parts are given to whoever has the fewest clients.
 */
export function partitionCast({ clients, conversations }: Cast, workers: number): readonly number[] {
  const parents = Array.from({ length: clients }, (_, client) => client)
  const rootOf = (client: number): number => {
    let root = client
    while (parents[root] !== undefined && parents[root] !== root) root = parents[root] ?? root
    // What was walked is shortened: casts of thousands stay fast.
    for (let walk = client; walk !== root;) {
      const next = parents[walk] ?? root
      parents[walk] = root
      walk = next
    }
    return root
  }
  for (const { kind, members } of conversations) {
    const [first] = members
    if (kind === 'channel' || first === undefined) continue
    for (const member of members) parents[rootOf(member)] = rootOf(first)
  }
  const parts = new Map<number, number[]>()
  for (let client = 0; client < clients; client++) parts.set(rootOf(client), [...parts.get(rootOf(client)) ?? [], client])
  const sizes = Array.from({ length: workers }, () => 0)
  const workerOf = Array.from({ length: clients }, () => 0)
  for (const part of [...parts.values()].sort((left, right) => right.length - left.length)) {
    const worker = sizes.indexOf(Math.min(...sizes))
    sizes[worker] = (sizes[worker] ?? 0) + part.length
    for (const client of part) workerOf[client] = worker
  }
  return workerOf
}
