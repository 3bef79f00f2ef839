import { objectOf } from './operations.js'

/** Values that a server knows, by route: without them made-up requests stop at "there is no such thing". */
export type KnownValues = Readonly<Record<string, {
  /** By name, of the path or the query. */
  readonly parameters?: Readonly<Record<string, readonly unknown[]>>
  /** Fields of the body, by name. */
  readonly fields?: Readonly<Record<string, readonly unknown[]>>
  /** Whole bodies. */
  readonly bodies?: readonly unknown[]
}>>

/**
 * The API description with known values beside what it allows already: nothing is valid or invalid that was not before. Throws for a route or name that the description does not have.
 */
export function withKnownValues(document: unknown, known: KnownValues): unknown {
  // A copy: what the server said stays as it is.
  const copy: unknown = JSON.parse(JSON.stringify(document))
  for (const [name, { parameters = {}, fields = {}, bodies = [] }] of Object.entries(known)) {
    const [method = '', path = ''] = name.split(' ')
    const operation = objectOf(objectOf(objectOf(objectOf(copy)['paths'])[path])[method.toLowerCase()])
    const described = Array.isArray(operation['parameters']) ? operation['parameters'].map(objectOf) : []
    for (const [parameter, values] of Object.entries(parameters)) alsoValues(described.find((one) => one['name'] === parameter), 'schema', values, `${name} ${parameter}`)
    const json = objectOf(objectOf(objectOf(operation['requestBody'])['content'])['application/json'])
    const properties = objectOf(objectOf(json['schema'])['properties'])
    for (const [field, values] of Object.entries(fields)) alsoValues(properties, field, values, `${name} ${field}`)
    if (bodies.length > 0) alsoValues(json, 'schema', bodies, `${name} body`)
  }
  return copy
}

/** Puts values beside the schema that is at `key`. */
function alsoValues(holder: Readonly<Record<string, unknown>> | undefined, key: string, values: readonly unknown[], what: string): void {
  if (holder?.[key] === undefined) throw new Error(`the API description has no ${what}`)
  // Written into the copy, whose type promises nothing.
  const { [key]: schema } = holder
  Object.assign(holder, { [key]: { anyOf: [{ enum: values }, schema] } })
}
