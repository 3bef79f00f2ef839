import { EvegramError } from '@evegram/protocol'
import type { HttpServer } from './http.js'

/**
 * Lets a server listen; resolves with its port (with 0: the one that was free). Rejects with `invalid.config` that names the setting when the address
 * cannot be listened on.
 */
export async function listenOn(server: HttpServer, at: { readonly variable: string; readonly host: string; readonly port: number }): Promise<number> {
  const { variable, host, port } = at
  try {
    await server.listen({ host, port })
  } catch (cause) {
    throw new EvegramError('invalid.config', {
      operation: 'listen', cause, advice: `Port ${String(port)} of ${host} cannot be listened on: stop what uses it, or set ${variable}.`, details: { host, port },
    })
  }
  const address = server.server.address()
  if (address === null || typeof address === 'string') throw new EvegramError('internal', { operation: 'read the port that was bound' })
  return address.port
}
