import { parseArgs } from 'node:util'

/** Description of one number option of a run. */
export interface NumberOption {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly help: string
}

/** What a run was asked for. */
export interface RunOptions<Name extends string> {
  readonly numbers: Readonly<Record<Name, number>>
  readonly texts: Readonly<Record<string, string>>
  /** Switches that were given. */
  readonly flags: ReadonlySet<string>
  readonly json: boolean
}

/** Reads the command line of a run. Prints help and ends with 0 for `--help`; ends with 2 and a sentence for anything wrong. */
export function readRunOptions<Name extends string>(
  usage: string,
  numbers: Readonly<Record<Name, NumberOption>>,
  texts: Readonly<Record<string, string>> = {},
  flags: Readonly<Record<string, string>> = {},
): RunOptions<Name> {
  const names = Object.keys(numbers) as Name[]
  const help = (): string =>
    [
      usage, '',
      ...names.map((name) => `  --${name} <n>  ${numbers[name].help} (default ${String(numbers[name].default)}, ${String(numbers[name].min)} to ${String(numbers[name].max)})`),
      ...Object.entries(texts).map(([name, text]) => `  --${name} <…>  ${text}`),
      ...Object.entries(flags).map(([name, text]) => `  --${name}  ${text}`),
      '  --json  the result as one JSON object', '',
      'Exit codes: 0 all held, 1 something did not, 2 wrong usage.',
    ].join('\n')
  const refuse = (message: string): never => {
    console.error(`${message}\n\n${help()}`)
    process.exit(2)
  }
  let values: Readonly<Record<string, string | boolean | undefined>>
  try {
    values = parseArgs({
      options: {
        ...Object.fromEntries([...names, ...Object.keys(texts)].map((name) => [name, { type: 'string' as const }])),
        ...Object.fromEntries(Object.keys(flags).map((name) => [name, { type: 'boolean' as const }])),
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
  if (values['help'] === true) {
    console.log(help())
    process.exit(0)
  }
  const parsed = Object.fromEntries(
    names.map((name) => {
      const { default: standard, min, max } = numbers[name]
      const value = values[name] === undefined ? standard : Number(values[name])
      if (!Number.isInteger(value) || value < min || value > max) refuse(`--${name} must be a whole number from ${String(min)} to ${String(max)}.`)
      return [name, value]
    }),
  ) as Record<Name, number>
  const given = Object.keys(texts).flatMap((name) => (typeof values[name] === 'string' ? [[name, values[name]] as const] : []))
  return { numbers: parsed, texts: Object.fromEntries(given), flags: new Set(Object.keys(flags).filter((name) => values[name] === true)), json: values['json'] === true }
}
