import { EvegramError } from '@evegram/protocol'
import type { TokenSource } from './auth-api.js'
import { AuthenticatedHttp, type AuthenticatedHttpOptions } from './authenticated-http.js'
import { HttpClient, type Fetch, type HttpRequest } from './http-client.js'
import { whileLedgerStarts, type LedgerWait } from './while-ledger-starts.js'

/** Bytes of one answer: a reconciliation lists at most 1,000 differences. */
const ANSWER_BYTES_MAX = 8 * 1_048_576
/** Verifying and reconciling read everything; the server gives up after the same time. */
const TIMEOUT_MS = 600_000

/**
 * What operators of the wallet bridge see and do, as docs/wally-api.md describes it: paths below `/v1/wally/operator/`. Answers are parsed JSON whose shape is not
 * checked here: they are shown to a person. Rejects with the server's own code (`auth.operator`, `denied.scope`, `denied.same_person`, `conflict.*`), `timeout`,
 * `unavailable.server`, `invalid.response`. Waits for a ledger that is starting, and repeats nothing else.
 */
export interface OperatorApi {
  read(path: string): Promise<Readonly<Record<string, unknown>>>
  act(path: string, body: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>
  /** An answer that is a page for people, as text. */
  page(path: string, body: Readonly<Record<string, unknown>>): Promise<string>
}

/** With an operator token. `url`: base URL of the wallet bridge, without trailing slash. */
export function operatorApiWithToken(
  { url, token, fetch, clock, starting }: LedgerWait & { readonly url: string; readonly token: string; readonly fetch: Fetch },
): OperatorApi {
  const http = new HttpClient({ fetch, clock, timeoutMs: TIMEOUT_MS })
  return operatorApi({ clock, starting }, async (request) => (await http.request({ ...request, url: `${url}${request.url}`, headers: { authorization: `Bearer ${token}` } })).value)
}

/** As a signed-in account that the server knows as an operator. */
export function operatorApiOfDevice({ url, tokens, starting, ...options }: AuthenticatedHttpOptions & LedgerWait & { readonly url: string; readonly tokens: TokenSource }): OperatorApi {
  const http = new AuthenticatedHttp(url, { ...options, timeoutMs: TIMEOUT_MS })
  return operatorApi({ clock: options.clock, starting }, ({ method, url: path, operation, ...extra }) => http.authenticated(method, path, operation, tokens, extra))
}

function operatorApi(wait: LedgerWait, request: (request: HttpRequest) => Promise<unknown>): OperatorApi {
  const ask = (method: 'GET' | 'POST', path: string, extra: Partial<HttpRequest>): Promise<unknown> =>
    whileLedgerStarts(() => request({ method, url: `/v1/wally/operator/${path}`, operation: 'ask as operator', responseBytesMax: ANSWER_BYTES_MAX, ...extra }), wait)
  return {
    read: async (path) => recordOf(await ask('GET', path, {})),
    act: async (path, body) => recordOf(await ask('POST', path, { body })),
    page: async (path, body) => {
      const text = await ask('POST', path, { body, answer: 'text' })
      if (typeof text !== 'string') throw new EvegramError('invalid.response', { operation: 'ask as operator', details: { expected: 'a page' } })
      return text
    },
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new EvegramError('invalid.response', { operation: 'ask as operator', details: { expected: 'an object' } })
  // Any object can be read by name; what it holds stays unknown.
  return value as Readonly<Record<string, unknown>>
}
