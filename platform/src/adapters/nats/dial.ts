import { BUS_PACKET_BYTES_MAX } from '../../bus.js'
import { EvegramError } from '@evegram/protocol'
import { connect, ErrorCode, NatsError, type NatsConnection } from 'nats'
import type { NatsServer } from './servers.js'

/** Time for one server to answer: a server that hangs must not hold back the try at the next. */
const DIAL_MS = 1_500

/** A connection, and the server it leads to. */
export interface Dialled {
  readonly nats: NatsConnection
  readonly server: NatsServer
}

/**
 * Connects to the first of `servers` that answers. The connection never comes back by itself: what was published meanwhile must not arrive late,
 * so {@link NatsBus} makes a new one. Rejects `invalid.config` when a server refuses the credentials or takes smaller packets than the
 * bus promises, `unavailable.bus` when none answers.
 */
export async function dial(servers: readonly NatsServer[], name: string): Promise<Dialled> {
  let cause: unknown
  for (const server of servers) {
    try {
      const nats = await connect({
        servers: server.place, name, reconnect: false, timeout: DIAL_MS, ignoreClusterUpdates: true,
        ...(server.user === undefined ? {} : { user: server.user }),
        ...(server.password === undefined ? {} : { pass: server.password }),
        ...(server.tls ? { tls: {} } : {}),
      })
      return await checked(nats, server)
    } catch (failure) {
      if (failure instanceof EvegramError) throw failure
      if (isRefusal(failure)) throw refusedLogin(failure)
      cause = failure
    }
  }
  throw new EvegramError('unavailable.bus', { operation: 'connect to NATS', cause })
}

const REFUSALS: ReadonlySet<string> = new Set([ErrorCode.AuthorizationViolation, ErrorCode.BadAuthentication, ErrorCode.AccountExpired])

/** Whether the failure says that the user or password is wrong, which waiting does not change. */
export function isRefusal(failure: unknown): boolean {
  return failure instanceof NatsError && REFUSALS.has(failure.code)
}

/** The error of such a failure. */
export function refusedLogin(cause: unknown): EvegramError {
  return new EvegramError('invalid.config', { operation: 'connect to NATS', cause, advice: 'NATS refuses the user or password: correct them in EVEGRAM_NATS.' })
}

async function checked(nats: NatsConnection, server: NatsServer): Promise<Dialled> {
  const bytesMax = nats.info?.max_payload ?? 0
  if (bytesMax >= BUS_PACKET_BYTES_MAX) return { nats, server }
  await nats.close()
  throw new EvegramError('invalid.config', {
    operation: 'connect to NATS', details: { maxPayload: bytesMax, needed: BUS_PACKET_BYTES_MAX },
    advice: `${server.place} takes packets of at most ${String(bytesMax)} bytes: set max_payload of the NATS server to ${String(BUS_PACKET_BYTES_MAX)} or more.`,
  })
}
