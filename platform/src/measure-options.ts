import { parseArgs } from 'node:util'

/** A whole number that a measuring program takes: what it is when it is not given, least and most. */
export type MeasureNumber = readonly [standard: number, least: number, most: number]

/** What a measuring program can be asked for. */
export interface MeasureUsage<Name extends string, Text extends string, Flag extends string = never> {
  /** What `--help` prints, and what stands below what is wrong. */
  readonly help: string
  readonly numbers: Readonly<Record<Name, MeasureNumber>>
  /** Options that are no whole numbers, with what they are when they are not given. */
  readonly texts?: Readonly<Record<Text, string>>
  /** Options that are given or not. */
  readonly flags?: readonly Flag[]
}

/** What it was asked for. */
export type MeasureOptions<Name extends string, Text extends string, Flag extends string = never> =
  { readonly [name in Name]: number } & { readonly [name in Text]: string } & { readonly [name in Flag | 'json']: boolean }

/**
 * Reads the command line of a program that measures: its numbers, its texts, its flags, and `--json`. Prints help and ends the process with 0 for `--help`; ends it with 2
 * and a sentence for anything wrong.
 */
export function readMeasureOptions<Name extends string, Text extends string = never, Flag extends string = never>(
  args: readonly string[], { help, numbers, texts, flags = [] }: MeasureUsage<Name, Text, Flag>,
): MeasureOptions<Name, Text, Flag> {
  const values = parse(args, [...Object.keys(numbers), ...Object.keys(texts ?? {})], flags, help)
  if (values['help'] === true) {
    console.log(help)
    process.exit(0)
  }
  const read = Object.entries<MeasureNumber>(numbers).map(([name, [standard, least, most]]) => {
    const value = Number(values[name] ?? standard)
    const isGood = values[name] !== '' && Number.isSafeInteger(value) && value >= least && value <= most
    return [name, isGood ? value : wrongUsage(`--${name} must be a whole number from ${String(least)} to ${String(most)}.`, help)] as const
  })
  const given = Object.entries<string>(texts ?? {}).map(([name, standard]) => [name, values[name] ?? standard] as const)
  const set = [...flags, 'json'].map((name) => [name, values[name] === true] as const)
  // Every name of all three is read above.
  return Object.fromEntries([...read, ...given, ...set]) as MeasureOptions<Name, Text, Flag>
}

/** Says what is wrong with a command line, and how it should be; ends the process with 2. */
export function wrongUsage(problem: string, help: string): never {
  console.error(`${problem}\n\n${help}`)
  process.exit(2)
}

function parse(args: readonly string[], names: readonly string[], flags: readonly string[], help: string): Readonly<Record<string, unknown>> {
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
        ...Object.fromEntries(flags.map((name) => [name, { type: 'boolean' as const }])),
        json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error), help)
  }
}
