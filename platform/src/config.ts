import { EvegramError } from '@evegram/protocol'
import { z } from 'zod'

/** One setting: the environment variable that gives it, the schema that checks it, and whether its value must never be printed. */
export interface Setting<Schema extends z.ZodType = z.ZodType> {
  readonly variable: string
  readonly schema: Schema
  readonly secret: boolean
}

/** The settings of a service by the names that its code uses. */
export type Settings = Readonly<Record<string, Setting>>

/** The values of `S` after the check. */
export type ConfigOf<S extends Settings> = { readonly [Name in keyof S]: z.output<S[Name]['schema']> }

/** A setting read from `variable`. An unset or empty variable is `undefined` to the schema, so defaults and `optional` apply. */
export function setting<Schema extends z.ZodType>(
  variable: string, schema: Schema, options: { readonly secret?: boolean } = {},
): Setting<Schema> {
  return { variable, schema, secret: options.secret ?? false }
}

/**
 * Checks `env` (the caller passes `process.env`; nothing else reads it) and returns every setting.
 * Throws `invalid.config` that names each wrong variable and what is wrong with it, never its value.
 */
export function readConfig<S extends Settings>(settings: S, env: Readonly<Record<string, string | undefined>>): ConfigOf<S> {
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  for (const [name, { variable, schema }] of Object.entries(settings)) {
    const text = env[variable]
    const result = schema.safeParse(text === '' ? undefined : text)
    if (result.success) values[name] = result.data
    else problems.push(`${variable}: ${result.error.issues.map((issue) => issue.message).join(', ')}`)
  }
  if (problems.length > 0) {
    throw new EvegramError('invalid.config', {
      operation: 'read settings', advice: `Correct these settings and start again. ${problems.join('; ')}`, details: { problems },
    })
  }
  // Every key of the settings was filled from its own schema above.
  return values as ConfigOf<S>
}

/** The settings as a log line or a doctor command may show them: by variable, secrets replaced. */
export function printableConfig<S extends Settings>(settings: S, config: ConfigOf<S>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(settings).map(([name, { variable, secret }]) => {
    const value: unknown = config[name]
    return [variable, secret && value !== undefined ? '[redacted]' : value]
  }))
}

/** A TCP port, 0 for any free one. */
export const portNumber = z.coerce.number(
  { error: 'a port number' }
).int('a port number').min(0, 'a port number').max(65_535, 'a port number')

/** true or false, also written 1 or 0. */
export const flag = z.enum(['true', 'false', '1', '0'], { error: 'true or false' }).transform((text) => text === 'true' || text === '1')

/** `http(s)://host[:port]` without path, query, user or trailing slash: compared exactly with what browsers send. */
export const originText = z.string({ error: 'an origin' }).refine(
  isOrigin, 'an origin such as https://chat.example (no path, no trailing slash)',
)

/** Origins separated by commas. */
export const originList = z.string().transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))
  .pipe(z.array(originText).max(64, 'at most 64 origins'))

function isOrigin(text: string): boolean {
  if (!/^https?:\/\//.test(text)) return false
  try {
    return new URL(text).origin === text
  } catch {
    // An address that does not parse is the answer, not a failure.
    return false
  }
}
