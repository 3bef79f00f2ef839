import { PAGE_POLICY, TokenBuckets, type HttpReply, type HttpRequest, type HttpServer, type Logger } from '@evegram/platform'
import { EvegramError, isEvegramError, type Clock, type Random } from '@evegram/protocol'
import type { Operator, Operators } from '@evegram/wallet-bridge'
import type { OperatorFacts } from './operator-facts.js'
import { OPERATOR_PAGE_PATH, operatorPage, SIGN_OUT_PATH, type OperatorPageNames } from './operator-page.js'
import { OPERATOR_SESSION_MS, OperatorSessions } from './operator-sessions.js'
import { SIGN_IN_PATH, signInPage, TOKEN_CHARACTERS_MAX } from './sign-in-page.js'

/** Name of the cookie of a session. */
const COOKIE = 'evegram_operator'
/** Tokens that are tried: at once, and the time for one more. All who reach this listener are on this machine, and count together. */
const SIGN_IN_RATE = { capacity: 10, refillMs: 6_000, keysMax: 1 } as const
const EVERYBODY = 'sign-in'
/** Bytes of a form: a token, and what a browser writes around it. */
const FORM_BYTES_MAX = 2_048

/** What {@link operatorRoutes} needs. */
export interface OperatorRoutesParts {
  readonly operators: Pick<Operators, 'require'>
  readonly facts: () => Promise<OperatorFacts>
  readonly names: OperatorPageNames
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/**
 * The page for operators, and how a browser comes to see it: the token, in a form, is exchanged for a cookie that scripts cannot read, that other sites do not send, and
 * that shows this page for an hour and nothing else. Programs send `Authorization: Bearer <operator token>`. Call it before the server listens.
 */
export function operatorRoutes(server: HttpServer, parts: OperatorRoutesParts): void {
  const { operators, facts, names, log } = parts
  const sessions = new OperatorSessions(parts)
  const attempts = new TokenBuckets(parts.clock, SIGN_IN_RATE)
  // In a scope of its own: no other route of this listener reads forms, which pages elsewhere can send without asking first.
  void server.register(async (scope) => {
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: FORM_BYTES_MAX }, async (_request: HttpRequest, text: string) => new URLSearchParams(text))
    scope.addHook('onRequest', async (_request, reply) => {
      // The usual no-referrer makes browsers send `Origin: null` with a form (Fetch, "append a request Origin header").
      void reply.headers({ 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'same-origin' })
    })

    scope.get(OPERATOR_PAGE_PATH, async (request, reply) => {
      const { authorization } = request.headers
      if (authorization !== undefined) {
        const operator = await operatorOf(operators, authorization)
        return operator === undefined ? signIn(reply, 401) : html(reply, operatorPage(names, await facts()))
      }
      const secret = cookieOf(request)
      const session = secret === undefined ? undefined : sessions.find(secret)
      return session === undefined ? signIn(reply, 401) : html(reply, operatorPage(names, await facts(), session))
    })

    scope.post(SIGN_IN_PATH, async (request, reply) => {
      requireOwnPage(request)
      const limit = attempts.take(EVERYBODY)
      if (limit.status === 'limited') {
        const seconds = Math.ceil(limit.retryAfterMs / 1_000)
        void reply.header('retry-after', String(seconds))
        return signIn(reply, 429, `Too many tokens were tried: try again in ${String(seconds)} s.`)
      }
      const token = tokenIn(request.body)
      const operator = token === undefined ? undefined : await operatorOf(operators, `Bearer ${token}`)
      if (operator === undefined) {
        log.warn({}, 'an operator could not sign in')
        return signIn(reply, 401, 'No operator who may look has this token.')
      }
      attempts.giveBack(EVERYBODY)
      const before = cookieOf(request)
      if (before !== undefined) sessions.end(before)
      log.info({ person: operator.person }, 'an operator signed in')
      return moved(reply, cookie(request, sessions.open(operator.person), OPERATOR_SESSION_MS / 1_000))
    })

    scope.post(SIGN_OUT_PATH, async (request, reply) => {
      requireOwnPage(request)
      const secret = cookieOf(request)
      if (secret !== undefined) sessions.end(secret)
      return moved(reply, cookie(request, '', 0))
    })
  })

  function signIn(reply: HttpReply, status: 401 | 429, problem?: string): HttpReply {
    // RFC 9110 section 15.5.2 asks for a challenge; browsers leave this one to the page.
    if (status === 401) void reply.header('www-authenticate', 'Bearer realm="Evegram operator"')
    return html(reply.code(status), signInPage(names, problem))
  }
}

/** The operator of a credential who may look; undefined for every other one. */
async function operatorOf(operators: Pick<Operators, 'require'>, authorization: string): Promise<Operator | undefined> {
  try {
    return await operators.require('read', { authorization, dpop: undefined, method: 'GET', url: OPERATOR_PAGE_PATH })
  } catch (failure) {
    if (isEvegramError(failure, 'auth.operator') || isEvegramError(failure, 'denied.scope')) return undefined
    throw failure
  }
}

/**
 * Throws `denied.origin` unless a page of this listener sent the form. The listener has refused other origins already; a request that names none is from a program, and those
 * have no use for a cookie.
 */
function requireOwnPage({ headers }: HttpRequest): void {
  const site = headers['sec-fetch-site']
  if (headers.origin === undefined || (site !== undefined && site !== 'same-origin')) throw new EvegramError('denied.origin', { operation: 'check form' })
}

/** The token in a form, which has nothing else. */
function tokenIn(body: unknown): string | undefined {
  if (!(body instanceof URLSearchParams)) return undefined
  const [[name, value] = [], ...others] = [...body]
  const token = value?.trim()
  return name === 'token' && others.length === 0 && token !== undefined && token.length <= TOKEN_CHARACTERS_MAX ? token : undefined
}

function cookieOf({ headers }: HttpRequest): string | undefined {
  return new RegExp(`(?:^|; )${COOKIE}=([A-Za-z0-9_-]{43})(?:;|$)`).exec(headers.cookie ?? '')?.[1]
}

/** RFC 6265bis, section 4.1.2. `Secure` where the browser says that it came over TLS: a proxy of this machine may stand before us. */
function cookie({ headers }: HttpRequest, secret: string, seconds: number): string {
  const isSecure = headers.origin?.startsWith('https:') === true
  return `${COOKIE}=${secret}; Path=${OPERATOR_PAGE_PATH}; Max-Age=${String(seconds)}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
}

function moved(reply: HttpReply, setCookie: string): HttpReply {
  return reply.code(303).headers({ 'set-cookie': setCookie, location: OPERATOR_PAGE_PATH }).send()
}

function html(reply: HttpReply, page: string): HttpReply {
  return reply.type('text/html; charset=utf-8').send(page)
}
