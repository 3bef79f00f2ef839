import { createServer, type AddressInfo } from 'node:net'
import { LOOPBACK } from '../../loopback-http.js'

/** As many ports of loopback that nobody listens on, all different. Somebody may take one before it is used: then what uses it does not start. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, LOOPBACK, () => { resolve(server) })
  })))
  // A server that listens on TCP has an address of this kind.
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
