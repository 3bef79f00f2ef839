import type { IncomingMessage, ServerResponse } from 'node:http'
import { EvegramError, hexOf, type Clock, type Random } from '@evegram/protocol'
import {
  fastify, type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest, type RawServerDefault,
} from 'fastify'
import { asEvegramError, errorBody, statusOf } from './http-errors.js'
import { compileZod, type ZodTypeProvider } from './http-schema.js'
import { hostAllowed, originAllowed, type HostRules } from './host-check.js'
import type { Logger } from './log.js'
import type { Metrics } from './metrics.js'
import { RequestTurns } from './request-turns.js'

/** The HTTP application of a service: Fastify whose route schemas are zod schemas. */
export type HttpServer = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

/** A request of {@link HttpServer}, and its answer. */
export type { FastifyReply as HttpReply, FastifyRequest as HttpRequest } from 'fastify'

/** Bounds of every HTTP listener. */
export const HTTP_LIMITS = {
  bodyBytesMax: 262_144,
  headerBytesMax: 16_384,
  /** A path parameter: the longest is a URL-encoded CAIP-10 name. */
  paramLengthMax: 256,
  /** Time to send a whole request. */
  requestTimeoutMs: 15_000,
  /** Time for a handler to answer. */
  handlerTimeoutMs: 15_000,
  keepAliveTimeoutMs: 72_000,
  /** How long a browser may remember the answer of a preflight. */
  preflightAgeS: 600,
} as const

/** Options of {@link createHttp}. */
export interface HttpOptions {
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly metrics?: Metrics
  /** `http(s)://host[:port]` under which others reach this listener; loopback names with our port always work. */
  readonly publicUrl?: string | undefined
  /** Exact origins of pages elsewhere that may call; they get CORS answers, without credentials. */
  readonly allowedOrigins?: readonly string[]
  /** Addresses of proxies whose X-Forwarded-For is believed; none by default. */
  readonly trustedProxies?: readonly string[]
  readonly bodyBytesMax?: number
  /** Time for a handler to answer, in ms. */
  readonly handlerTimeoutMs?: number
}

/**
 * An HTTP application with the product's error answers, limits, Host and Origin checks, headers, request ids and log lines. The caller
 * listens and closes.
 */
export function createHttp(options: HttpOptions): HttpServer {
  const server = fastify({
    logger: false,
    bodyLimit: options.bodyBytesMax ?? HTTP_LIMITS.bodyBytesMax,
    requestTimeout: HTTP_LIMITS.requestTimeoutMs,
    handlerTimeout: options.handlerTimeoutMs ?? HTTP_LIMITS.handlerTimeoutMs,
    connectionTimeout: 2 * HTTP_LIMITS.requestTimeoutMs,
    keepAliveTimeout: HTTP_LIMITS.keepAliveTimeoutMs,
    routerOptions: { maxParamLength: HTTP_LIMITS.paramLengthMax },
    http: { maxHeaderSize: HTTP_LIMITS.headerBytesMax },
    forceCloseConnections: 'idle',
    trustProxy: options.trustedProxies === undefined || options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    genReqId: () => hexOf(options.random.bytes(8)),
    // What Fastify refuses before any route: it would quote the URL, which names wallets.
    frameworkErrors: (failure, _request, reply) => { void sendError(reply, asEvegramError(failure)) },
  }).withTypeProvider<ZodTypeProvider>()
  server.setValidatorCompiler(compileZod)
  server.setSerializerCompiler(() => (value) => JSON.stringify(value))
  // A form or text body needs no preflight: leaving JSON alone means that no foreign page can post without one.
  server.removeContentTypeParser('text/plain')
  addChecks(server, options)
  addAnswers(server, options)
  return server
}

function addChecks(server: HttpServer, options: HttpOptions): void {
  const allowedOrigins = options.allowedOrigins ?? []
  const secure = options.publicUrl?.startsWith('https:') === true
  const turns = new RequestTurns(setImmediate)
  server.addHook('onRequest', async (request, reply) => {
    const turn = turns.take()
    if (turn !== undefined) await turn
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
      ...(secure ? { 'strict-transport-security': 'max-age=31536000' } : {}),
    })
    const rules = { port: request.raw.socket.localPort ?? 80, publicUrl: options.publicUrl }
    const host = checkHost(request.raw, rules)
    const origin = request.raw.headers.origin
    if (!originAllowed(origin, allowedOrigins, host)) throw new EvegramError('denied.origin', { operation: 'check Origin' })
    if (origin !== undefined && allowedOrigins.includes(origin)) return answerCors(request, reply, origin)
    return undefined
  })
}

/**
 * The Host of a request that names this server. Throws `invalid.request` for several (RFC 9112 section 3.2), `denied.host` for another
 * one, also in an absolute target, which counts more than the header (section 3.2.2).
 */
function checkHost(request: IncomingMessage, rules: HostRules): string | undefined {
  const [host, ...others] = request.headersDistinct['host'] ?? []
  if (others.length > 0) throw new EvegramError('invalid.request', { operation: 'check Host', advice: 'Send one Host.' })
  const target = request.url ?? '/'
  const isServed = target.startsWith('/') || target === '*' || hostAllowed(/^https?:\/\/([^/?#]*)/i.exec(target)?.[1], rules)
  if (!isServed || !hostAllowed(host, rules)) throw new EvegramError('denied.host', { operation: 'check Host' })
  return host
}

function answerCors(request: FastifyRequest, reply: FastifyReply, origin: string): FastifyReply | undefined {
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'x-request-id, retry-after, content-range',
    'cross-origin-resource-policy': 'cross-origin',
    'vary': 'Origin',
  })
  if (request.method !== 'OPTIONS') return undefined
  return reply.code(204).headers({
    'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': 'authorization, content-type, dpop, range, upload-offset',
    'access-control-max-age': String(HTTP_LIMITS.preflightAgeS),
  }).send()
}

function addAnswers(server: HttpServer, options: HttpOptions): void {
  const requestMs = options.metrics?.histogram({
    name: 'http_request_ms', help: 'Time to answer an HTTP request', labels: ['method', 'route', 'status'],
  })
  const refusals = options.metrics?.counter({ name: 'http_refusals_total', help: 'Requests refused or failed', labels: ['route', 'code'] })
  server.setNotFoundHandler(() => {
    throw new EvegramError('not_found.route', { operation: 'find route' })
  })
  server.setErrorHandler((failure, request, reply) => {
    const error = asEvegramError(failure)
    const status = statusOf(error.code)
    refusals?.add(1, { route: routeOf(request), code: error.code })
    if (status === 500) options.log.error({ request: request.id, route: routeOf(request), err: failure }, 'a request failed')
    // A request that is refused before it is whole ends its connection: its sender could go on for ever.
    if (!request.raw.complete) void reply.header('connection', 'close')
    return sendError(reply, error)
  })
  server.addHook('onResponse', async (request, reply) => {
    const fields = { method: request.method, route: routeOf(request), status: String(reply.statusCode) }
    requestMs?.observe(reply.elapsedTime, fields)
    // The route and never the URL: paths name wallets.
    options.log.debug({ request: request.id, ...fields, ms: Math.round(reply.elapsedTime) }, 'answered')
  })
}

function sendError(reply: FastifyReply, error: EvegramError): FastifyReply {
  // RFC 9110 section 10.2.3: Retry-After counts whole seconds.
  if (error.retryAfterMs !== undefined) void reply.header('retry-after', String(Math.ceil(error.retryAfterMs / 1_000)))
  // RFC 9449 section 7.1
  if (error.code.startsWith('auth.')) void reply.header('www-authenticate', 'DPoP algs="EdDSA"')
  return reply.code(statusOf(error.code)).type('application/json; charset=utf-8').send(JSON.stringify(errorBody(error)))
}

function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unknown'
}
