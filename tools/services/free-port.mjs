// Ports that nobody listens on, so that several clones run side by side.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below the range that systems hand out to outgoing connections (from 32768 on Linux), so that none of these is taken while a service is down. */
const PORT_MIN = 20_000
const PORT_MAX = 32_000
const TRIES_MAX = 200

/** Whether `host:port` can be listened on now. */
export function isFree(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** A port that is free on every one of `hosts` and not in `taken`; chosen at random, so that two commands at once choose two. */
export async function freePort(hosts = ['127.0.0.1'], taken = new Set()) {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (taken.has(port)) continue
    const free = await Promise.all(hosts.map((host) => isFree(port, host)))
    if (!free.every(Boolean)) continue
    taken.add(port)
    return port
  }
  throw new Error(`found no free port between ${PORT_MIN} and ${PORT_MAX} on ${hosts.join(', ')}`)
}

/** A port that is free on 127.0.0.1 together with the next one; neither is in `taken`. */
export async function freePortPair(taken = new Set()) {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = await freePort(['127.0.0.1'], taken)
    if (taken.has(port + 1) || !(await isFree(port + 1))) continue
    taken.add(port + 1)
    return port
  }
  throw new Error(`found no two free ports beside each other between ${PORT_MIN} and ${PORT_MAX}`)
}
