import type { Fetch } from '../http-client.js'

/** One request as the stub saw it. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** What a stub answers: JSON with a status, or a ready response. */
export type StubAnswer = { readonly status?: number; readonly json?: unknown } | Response

/** A `fetch` that answers from a function and notes what it was asked. */
export class StubFetch {
  readonly seen: SeenRequest[] = []
  readonly #answer: (request: SeenRequest) => StubAnswer | Promise<StubAnswer>

  constructor(answer: (request: SeenRequest) => StubAnswer | Promise<StubAnswer>) {
    this.#answer = answer
  }

  readonly fetch: Fetch = async (url, init) => {
    const { pathname, search } = new URL(url)
    const request = {
      method: init.method ?? 'GET', url, path: pathname + search, headers: Object.fromEntries(new Headers(init.headers)),
      body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined,
    }
    this.seen.push(request)
    const answer = await this.#answer(request)
    if (answer instanceof Response) return answer
    return new Response(answer.json === undefined ? null : JSON.stringify(answer.json), { status: answer.status ?? 200 })
  }
}
