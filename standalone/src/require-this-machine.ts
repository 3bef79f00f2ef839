import { EvegramError } from '@evegram/protocol'

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/

/** Throws `not_found.resource` unless a request came from this machine. `ip`: where from; undefined on a server that is for others too. */
export function requireThisMachine(ip: string | undefined): void {
  if (ip !== undefined && LOOPBACK.test(ip)) return
  throw new EvegramError('not_found.resource', { operation: 'give play money', advice: 'Play money is given and paid on a server for its own machine only, and to that machine.' })
}
