import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import { createHttp, type HttpServer } from './http.js'
import type { Logger } from './log.js'
import type { Metrics } from './metrics.js'
import type { ServiceName, ServiceVerifier } from './service-token.js'

/** Largest body of a request between services: some hundred ids. */
const INTERNAL_BODY_BYTES_MAX = 65_536
/** Time for an answer: beyond it the caller has asked somebody else. */
const INTERNAL_HANDLER_MS = 3_000

/** Which service made a request that was let in. */
const CALLERS = new WeakMap<object, ServiceName>()

/** The service that made a request to a listener of {@link createInternalHttp}, by its token. Throws `auth.service` for a request to another. */
export function callingService(request: { readonly raw: object }): ServiceName {
  const caller = CALLERS.get(request.raw)
  if (caller === undefined) throw new EvegramError('auth.service', { operation: 'name calling service' })
  return caller
}

/** Requests of a listener between services: for each its path and who may make it. */
export type InternalApi = Readonly<Record<string, { readonly path: string; readonly callers: readonly ServiceName[] }>>

/** What {@link createInternalHttp} needs. */
export interface InternalHttpOptions {
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly metrics?: Metrics
  readonly verifier: ServiceVerifier
  /** What it answers, and who may ask for each: a route that is not named here answers nobody. */
  readonly api: InternalApi
  /** `http(s)://host[:port]` under which other machines reach this listener. */
  readonly url?: string | undefined
}

/**
 * The listener of a service for other services, on a port of its own that no proxy serves to the public. Every request, also of routes that are not
 * there, needs a service token of one that `api` names, and what it asks for must be that one's to ask: `auth.service` otherwise.
 */
export function createInternalHttp(options: InternalHttpOptions): HttpServer {
  const { verifier, api, url, ...http } = options
  const callersOf = new Map(Object.values(api).map(({ path, callers }) => [path, callers] as const))
  const known = [...new Set([...callersOf.values()].flat())]
  const server = createHttp({ ...http, publicUrl: url, bodyBytesMax: INTERNAL_BODY_BYTES_MAX, handlerTimeoutMs: INTERNAL_HANDLER_MS })
  server.addHook('onRequest', async (request) => {
    const route = request.routeOptions.url
    // Whoever is known may hear that there is no such route.
    const callers = route === undefined ? known : callersOf.get(route) ?? []
    CALLERS.set(request.raw, await verifier.callerOf(request.headers.authorization, callers))
  })
  return server
}
