/** What was answered on one route. */
export interface RouteTally {
  /** Requests, and of them those that were done, refused, and failed (500 and above). */
  asked: number
  done: number
  refused: number
  failed: number
  /** Codes of refusals, with how often. */
  readonly codes: Map<string, number>
}

/** A failure of the server that the front saw: what was asked, as a command that asks it again of a server that runs. */
export interface SeenFailure {
  readonly route: string
  readonly status: number
  readonly request: string
  readonly answer: string
}

/** Failures that are kept: the first of them say what is wrong. */
const FAILURES_MAX = 20

/** What went through the front, counted by itself: a second opinion beside that of the program which makes the requests. */
export class Tally {
  readonly #routes: Map<string, RouteTally>
  readonly failures: SeenFailure[] = []
  /** Requests to paths or with methods that no route has. */
  strays = 0

  constructor(routes: readonly string[]) {
    this.#routes = new Map(routes.map((route) => [route, { asked: 0, done: 0, refused: 0, failed: 0, codes: new Map<string, number>() }]))
  }

  /** One answer. `route` is undefined when the request was to none. */
  add({ route, status, code, request, answer }: { readonly route: string | undefined; readonly status: number; readonly code: string | undefined; readonly request: string; readonly answer: string }): void {
    if (status >= 500 && this.failures.length < FAILURES_MAX) this.failures.push({ route: route ?? 'no route', status, request, answer })
    const one = route === undefined ? undefined : this.#routes.get(route)
    if (one === undefined) {
      this.strays++
      return
    }
    one.asked++
    if (status >= 500) one.failed++
    else if (status >= 400) one.refused++
    else one.done++
    if (code !== undefined) one.codes.set(code, (one.codes.get(code) ?? 0) + 1)
  }

  /** By route, in the order of the description. */
  get routes(): ReadonlyMap<string, Readonly<RouteTally>> {
    return this.#routes
  }
}
