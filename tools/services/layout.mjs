// Ports of the services of one data folder: chosen once, because a ring knows its members by them. The password of PostgreSQL and the keys of S3, too.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHAINS, chainPorts } from './chains.mjs'
import { freePort, isFree } from './free-port.mjs'
import { loopbackHosts } from './preflight.mjs'
import { writeJson } from './state.mjs'

const layoutFile = (dir) => join(dir, 'layout.json')

/** The ports below `dir`, chosen now when this is the first start. */
export async function layoutOf(dir, nodes) {
  const file = layoutFile(dir)
  const taken = new Set()
  const one = () => freePort(['127.0.0.1'], taken)
  if (existsSync(file)) {
    const known = JSON.parse(readFileSync(file, 'utf8'))
    // Chosen by a release that had no sentinels, no PostgreSQL, no S3, or not all chains.
    const hasChains = CHAINS.every((name) => known.chains?.[name] !== undefined)
    if ((known.sentinels !== undefined || nodes === 1) && known.postgres !== undefined && known.s3 !== undefined && hasChains) return known
    const ports = [known.cassandra.native, known.cassandra.storage, ...known.nats.flatMap((server) => Object.values(server)), ...known.redis, ...(known.sentinels ?? [])]
    // Beside the port of a chain its next one, where its websocket may be.
    for (const port of [...ports, ...Object.values(known.chains ?? {}).flatMap((chain) => [chain, chain + 1])]) taken.add(port)
    for (const service of [known.postgres, known.s3]) if (service !== undefined) taken.add(service.port)
    const all = {
      ...known, sentinels: known.sentinels ?? (nodes === 1 ? [] : [await one(), await one(), await one()]), postgres: known.postgres ?? newPostgres(await one()), s3: known.s3 ?? newS3(await one()),
      chains: await chainPorts(known.chains, taken),
    }
    writeJson(file, all)
    return all
  }
  const hosts = loopbackHosts(nodes)
  const layout = {
    cassandra: { native: await freePort(hosts, taken), storage: await freePort(hosts, taken) },
    nats: [], redis: [], sentinels: [],
  }
  for (let index = 0; index < nodes; index++) layout.nats.push({ client: await one(), monitor: await one(), route: await one() })
  for (let index = 0; index < Math.min(nodes, 2); index++) layout.redis.push(await one())
  // One alone would decide without others, two could not go on without each other.
  if (nodes > 1) for (let index = 0; index < nodes; index++) layout.sentinels.push(await one())
  layout.postgres = newPostgres(await one())
  layout.s3 = newS3(await one())
  layout.chains = await chainPorts(undefined, taken)
  writeJson(file, layout)
  return layout
}

/** Its owner may run programs on the machine that it runs on, so nobody signs in who cannot read this file. */
function newPostgres(port) {
  return { port, password: randomBytes(24).toString('hex') }
}

/** Who cannot read this file reads no object. */
function newS3(port) {
  return { port, keys: { access: randomBytes(10).toString('hex'), secret: randomBytes(20).toString('hex') } }
}

/** Rejects when another program listens where a planned process has to. */
export async function requireFree(address, dir) {
  const [host, port] = address.split(':')
  if (await isFree(Number(port), host)) return
  throw new Error(`${address} belongs to the services in ${dir}, but another program listens there: end it, or use another folder (--dir)`)
}
