import { wholeNumber, type GivenOptions, type OptionSpec } from '../cli/command-line.js'

/** A whole number that a task takes. */
export interface NumberOption {
  readonly default: number
  readonly min: number
  readonly max: number
  readonly help: string
  readonly placeholder?: string
}

/** The options as the command line knows them. */
export function optionSpecs(options: Readonly<Record<string, NumberOption>>): Readonly<Record<string, OptionSpec>> {
  return Object.fromEntries(Object.entries(options).map(([name, { help, placeholder = 'n', default: standard }]) => [name, { placeholder, help: `${help} (default ${String(standard)})` }]))
}

/** What was given, or the defaults. Throws UsageError for a number out of its bounds. */
export function numbersOf<Name extends string>(options: Readonly<Record<Name, NumberOption>>, given: GivenOptions): Readonly<Record<Name, number>> {
  const names = Object.keys(options) as Name[] // keys of exactly this record
  return Object.fromEntries(names.map((name) => {
    const { default: standard, min, max } = options[name]
    return [name, wholeNumber(name, given.text(name) ?? String(standard), min, max)]
  })) as Record<Name, number> // one entry for each name
}
