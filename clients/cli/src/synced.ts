import { EvegramError } from '@evegram/protocol'
import type { Client } from '@evegram/sdk'

/** Thrown behind what a command printed when {@link synced} resolved `false`: it may be old, and exit code 4 says so to scripts. */
export function shownWithoutServer(): EvegramError {
  return new EvegramError('unavailable.server', { operation: 'catch up', advice: 'The server does not answer: shown is what this device has. Try: evegram doctor' })
}

/**
 * Waits until everything that the server has for this device is here. Resolves `true` then, and `false` once the server was away for
 * `awayMsMax` at a stretch: catching up itself may take as long as it needs. Rejects when the client may not go on.
 */
export async function synced(client: Client, awayMsMax: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  let release = (): void => undefined
  const away = new Promise<false>((resolve) => {
    const look = (): void => {
      const isConnected = client.state === 'catching_up' || client.state === 'live'
      if (isConnected) {
        clearTimeout(timer)
        timer = undefined
      } else timer ??= setTimeout(() => resolve(false), awayMsMax)
    }
    release = client.on('state', look)
    look()
  })
  try {
    return await Promise.race([client.whenSynced().then(() => true), away])
  } finally {
    release()
    clearTimeout(timer)
  }
}
