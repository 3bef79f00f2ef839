import { EvegramError } from '@evegram/protocol'
import type { FastifySchema, FastifyTypeProvider } from 'fastify'
import { z } from 'zod'

/** Lets Fastify infer request and reply types from the zod schemas of a route. */
export interface ZodTypeProvider extends FastifyTypeProvider {
  readonly validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown
  readonly serializer: this['schema'] extends z.ZodType ? z.input<this['schema']> : unknown
}

/** Problems of a request that an answer names. */
const PROBLEMS_SHOWN_MAX = 8

/** Fastify's validator compiler for zod: a request that does not fit is `invalid.request` and names where. */
export function compileZod(
  { schema, httpPart }: { readonly schema: unknown; readonly httpPart?: string | undefined }
): (data: unknown) => { value: unknown } | { error: EvegramError } {
  if (!(schema instanceof z.ZodType)) throw new EvegramError('invalid.argument', { operation: `compile schema of ${httpPart ?? 'route'}` })
  return (data) => {
    const result = schema.safeParse(data)
    if (result.success) return { value: result.data }
    const problems = result.error.issues.slice(0, PROBLEMS_SHOWN_MAX)
      .map((issue) => `${[httpPart, ...issue.path].join('.').slice(0, 100)}: ${issue.message.slice(0, 200)}`)
    return { error: new EvegramError('invalid.request', { operation: 'check request', details: { problems } }) }
  }
}

type JsonSchema = Record<string, unknown>

/**
 * The JSON Schema of a zod schema, as OpenAPI 3.1 wants it; what has no JSON form (ids with brands, bytes) is shown as it is written on
 * the wire.
 */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  return rest
}

/** Fastify route schema with every zod schema replaced by its JSON Schema: the `transform` of @fastify/swagger. */
export function openApiSchemaOf(schema: FastifySchema): FastifySchema {
  const converted: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(schema)) {
    if (value instanceof z.ZodType) converted[name] = jsonSchemaOf(value)
    else if (name === 'response') converted[name] = responsesOf(value)
    else converted[name] = value
  }
  return converted
}

function responsesOf(responses: unknown): Record<string, unknown> {
  if (typeof responses !== 'object' || responses === null) return {}
  return Object.fromEntries(Object.entries(responses).map(([status, value]: [string, unknown]) => [
    status, value instanceof z.ZodType ? { description: value.description ?? 'Answer', ...jsonSchemaOf(value) } : contentOf(value),
  ]))
}

/** An answer that comes in several content types, each with a schema. */
function contentOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('content' in value)) return value
  const { content } = value
  const types = Object.entries(typeof content === 'object' && content !== null ? content : {}).map(([type, one]: [string, unknown]) => {
    const schema: unknown = typeof one === 'object' && one !== null && 'schema' in one ? one.schema : undefined
    const described: unknown = schema instanceof z.ZodType ? jsonSchemaOf(schema) : schema
    return [type, { schema: described }] as const
  })
  return { ...value, content: Object.fromEntries(types) }
}
