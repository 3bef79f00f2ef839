/** A route of an API description. */
export interface Operation {
  /** `GET /v1/wally/payouts/{id}`, as the description writes it. */
  readonly name: string
  readonly method: string
  /** Whether the description says that somebody must be signed in. */
  readonly isSignedIn: boolean
  /** Paths that are this route's. */
  readonly path: RegExp
}

type Json = Readonly<Record<string, unknown>>

/** A value of JSON as an object; an empty one for anything else. */
export function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Json : {}
}

/** The routes of an OpenAPI document, in its order. */
export function operationsOf(document: unknown): readonly Operation[] {
  return Object.entries(objectOf(objectOf(document)['paths'])).flatMap(([path, methods]) => Object.entries(objectOf(methods)).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), isSignedIn: Array.isArray(objectOf(operation)['security']), path: patternOf(path),
  })))
}

/** The route of a request, as a server finds it: one that is written out before one with a parameter. Undefined for a path or method of none. */
export function operationOf(operations: readonly Operation[], method: string, path: string): Operation | undefined {
  const found = operations.filter((one) => one.method === method && one.path.test(path))
  return found.find(({ name }) => !name.includes('{')) ?? found[0]
}

/** The description with the routes alone whose method and path have `text`. */
export function chosenFrom(document: unknown, text: string): unknown {
  return withOperations(document, (operation, name) => (name.includes(text) ? operation : undefined))
}

/** The description without a word about credentials: who asks through a front that signs everything can neither give nor withhold one. */
export function withoutSecurity(document: unknown): unknown {
  return withOperations(document, (operation) => Object.fromEntries(Object.entries(objectOf(operation)).filter(([key]) => key !== 'security')))
}

/** The description with what `change` makes of each of its routes; undefined leaves a route out. */
function withOperations(document: unknown, change: (operation: unknown, name: string) => unknown): unknown {
  const paths = Object.entries(objectOf(objectOf(document)['paths'])).map(([path, methods]) => [
    path, Object.fromEntries(Object.entries(objectOf(methods)).map(([method, operation]) => [method, change(operation, `${method.toUpperCase()} ${path}`)] as const).filter(([, one]) => one !== undefined)),
  ] as const)
  return { ...objectOf(document), paths: Object.fromEntries(paths.filter(([, methods]) => Object.keys(methods).length > 0)) }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.split(/\{[^}]+\}/).map((part) => part.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&')).join('[^/]*')}$`)
}
