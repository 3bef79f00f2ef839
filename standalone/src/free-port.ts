import { createServer } from 'node:net'
import { EvegramError } from '@evegram/protocol'

/**
 * A port that is free right now: `port` itself when it is not 0. Everything that is derived from a port (the domain that wallets sign for,
 * discovery, Host checks) must be known before a service is put together, so ports are settled first.
 * Throws `invalid.config` that names the setting when the port is taken.
 */
export async function settlePort(setting: string, host: string, port: number): Promise<number> {
  const probe = createServer()
  try {
    return await new Promise<number>((resolve, reject) => {
      probe.once('error', reject)
      probe.listen({ host, port, exclusive: true }, () => {
        const address = probe.address()
        if (address === null || typeof address === 'string') reject(new TypeError('a TCP listener has an address with a port'))
        else resolve(address.port)
      })
    })
  } catch (cause) {
    throw new EvegramError('invalid.config', {
      operation: 'settle ports', cause, advice: `Port ${String(port)} cannot be used (is another server running?): set ${setting} to another one.`,
    })
  } finally {
    await new Promise<void>((resolve) => {
      probe.close(() => resolve())
    })
  }
}
