import { parseArgs } from 'node:util'

/** A whole number that a measuring program takes: what it is when it is not given, least and most. */
export type MeasureNumber = readonly [standard: number, least: number, most: number]

/** What a measuring program can be asked for. */
export interface MeasureUsage<Name extends string, Text extends string> {
  /** What `--help` prints, and what stands below what is wrong. */
  readonly help: string
  readonly numbers: Readonly<Record<Name, MeasureNumber>>
  /** Options that are no whole numbers, with what they are when they are not given. */
  readonly texts?: Readonly<Record<Text, string>>
}

/** What it was asked for. */
export type MeasureOptions<Name extends string, Text extends string> = { readonly [name in Name]: number } & { readonly [name in Text]: string } & { readonly json: boolean }

/**
 * Reads the command line of a program that measures: its numbers, its texts, and `--json`. Prints help and ends the process with 0 for `--help`; ends it with 2
 * and a sentence for anything wrong.
 */
export function readMeasureOptions<Name extends string, Text extends string = never>(
  args: readonly string[], { help, numbers, texts }: MeasureUsage<Name, Text>,
): MeasureOptions<Name, Text> {
  const values = parse(args, [...Object.keys(numbers), ...Object.keys(texts ?? {})], help)
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
  // Every name of both is read above.
  return { ...Object.fromEntries([...read, ...given]), json: values['json'] === true } as MeasureOptions<Name, Text>
}

/** Says what is wrong with a command line, and how it should be; ends the process with 2. */
export function wrongUsage(problem: string, help: string): never {
  console.error(`${problem}\n\n${help}`)
  process.exit(2)
}

function parse(args: readonly string[], names: readonly string[], help: string): Readonly<Record<string, unknown>> {
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
        json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error), help)
  }
}
