import { readRunOptions } from '../options.js'
import { machineFacts, processCost } from '../process-cost.js'
import { Progress } from '../progress.js'
import { enrolMany } from '../raw/many-devices.js'
import { RawConnection } from '../raw/raw-connection.js'
import { RawEnrolment } from '../raw/raw-device.js'
import { ServerProcess } from '../server-process.js'

const { numbers, json } = readRunOptions(
  'npm run idle -- [--connections 10000]\n\nConnects that many authenticated devices (real proofs, real sessions), lets them sit, and reads what each costs the server.',
  {
    connections: { default: 10_000, min: 1, max: 18_000, help: 'devices that are connected' },
    settle: { default: 8, min: 1, max: 120, help: 'seconds between the last connection and the reading' },
  },
)
/** Connections that are opened at the same time. */
const CONCURRENT_HELLOS = 32
/** Connections from one source address: far below the ports of a pair. */
const CONNECTIONS_PER_ADDRESS = 4_000
const DEVICES_PER_ACCOUNT = 16
const GOAL_KIB = 6.6

async function run(): Promise<boolean> {
  const server = new ServerProcess({ EVEGRAM_RATE_FACTOR: '100000', EVEGRAM_CONNECTIONS_MAX: String(numbers.connections + 100) })
  const connections: RawConnection[] = []
  try {
    await server.start()
    const enrolment = await RawEnrolment.open(server.addresses.url)
    const devices = await enrolMany(enrolment, numbers.connections, DEVICES_PER_ACCOUNT, { silent: json })
    // Enrolment leaves its garbage in the heap: the server that is measured is a fresh process on the same data.
    await server.stop()
    await server.start()
    // The first connections bring in code and caches that do not grow with their number.
    const warm = Math.min(100, Math.floor(devices.length / 10))
    await connectAll(server.addresses.ws, enrolment, devices.slice(0, warm), connections)
    await sleep(numbers.settle * 1_000)
    const base = processCost(server.pid)
    const startedAt = performance.now()
    await connectAll(server.addresses.ws, enrolment, devices.slice(warm), connections)
    const connectSeconds = (performance.now() - startedAt) / 1_000
    await sleep(numbers.settle * 1_000)
    const after = processCost(server.pid)
    const open = connections.filter(({ socket }) => socket.readyState === socket.OPEN).length
    const kibPerConnection = (after.rssBytes - base.rssBytes) / 1_024 / Math.max(1, devices.length - warm)
    const held = open === numbers.connections
    const result = {
      connections: numbers.connections, open, baseRssMiB: Math.round(base.rssBytes / 1_048_576), rssMiB: Math.round(after.rssBytes / 1_048_576),
      kibPerConnection: Number(kibPerConnection.toFixed(2)), goalKib: GOAL_KIB, goalReached: kibPerConnection < GOAL_KIB,
      connectSeconds: Number(connectSeconds.toFixed(1)), serverCpuMsPerConnect: Number((((after.cpuSeconds - base.cpuSeconds) * 1_000) / Math.max(1, devices.length - warm)).toFixed(2)),
      machine: machineFacts(), held,
    }
    if (json) console.log(JSON.stringify(result))
    else {
      console.log(`${String(open)} of ${String(numbers.connections)} authenticated connections are open; kernel socket memory not counted`)
      console.log(`server RSS ${String(result.baseRssMiB)} MiB before, ${String(result.rssMiB)} MiB after: ${kibPerConnection.toFixed(2)} KiB a connection (goal: under ${String(GOAL_KIB)})`)
      console.log(`connected in ${connectSeconds.toFixed(1)} s, ${result.serverCpuMsPerConnect.toFixed(2)} ms of server CPU each`)
      console.log(held ? 'held: every connection is open' : 'NOT HELD: connections were lost')
    }
    return held
  } finally {
    for (const connection of connections) connection.close()
    await server.dispose()
  }
}

async function connectAll(ws: string, enrolment: RawEnrolment, devices: Awaited<ReturnType<typeof enrolMany>>, into: RawConnection[]): Promise<void> {
  const progress = new Progress('connected', devices.length, { silent: json })
  const port = new URL(ws).port
  let next = 0
  let done = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < devices.length; index = next++) {
      const device = devices[index]
      if (device === undefined) return
      if (device.tokens.accessTokenExpiresAtMs < Date.now() + 60_000) device.tokens = await enrolment.api.openSession(device.signer)
      const localAddress = `127.0.0.${String(2 + Math.floor(index / CONNECTIONS_PER_ADDRESS))}`
      into.push(await RawConnection.open(device, { ws: `ws://127.0.0.1:${port}/v1/socket`, origin: enrolment.server.origin, localAddress }))
      progress.update(++done)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_HELLOS }, work))
  progress.stop()
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

process.exitCode = (await run()) ? 0 : 1
