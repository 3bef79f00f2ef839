import type { PlantedOutcome } from './run-planted.js'

/** One row of the table of planted bugs. */
export function plantedLine(outcome: PlantedOutcome, nameWidth: number): string {
  const { name, seconds } = outcome
  const row = (promise: string, seeds: string, rest: string): string =>
    `${name.padEnd(nameWidth)}  ${promise.padEnd(8)} ${seeds.padStart(5)} ${seconds.toFixed(1).padStart(8)}  ${rest}`.trimEnd()
  switch (outcome.status) {
    case 'found': {
      const expected = outcome.patch?.promise
      const other = expected === undefined || expected === outcome.promise ? '' : `(${expected} expected) `
      const moved = outcome.moved === undefined ? '' : `(no more by seed ${String(outcome.moved)}) `
      return row(outcome.promise, String(outcome.seeds), `${other}${moved}seed ${outcome.seed}: ${outcome.what}`)
    }
    case 'control':
      return row('green', String(outcome.seeds), '')
    case 'red':
      return row('RED', '', outcome.reason)
    default:
      return outcome satisfies never
  }
}

/** The head of the table. */
export function plantedHead(nameWidth: number): string {
  return `${'bug'.padEnd(nameWidth)}  ${'broken'.padEnd(8)} ${'seeds'.padStart(5)} ${'seconds'.padStart(8)}  seen`
}
