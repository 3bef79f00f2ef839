import { readFileSync } from 'node:fs'
import { acceptBaseline, baselineOf, BASELINES } from '../baseline.js'
import { readResult } from '../diff.js'
import { UsageError } from '../usage-error.js'
import { helpOf, readOptions, type CommandSpec } from './command-line.js'
import { EXIT } from './exit-codes.js'

const SPEC: CommandSpec = {
  usage: 'npm run bench -- accept <result.json> --why <text> [options]',
  text: 'Adds a result (of --json) to the history that later runs are compared with: one line in bench/baselines/. A run that is not valid, or broke a\nthreshold, is refused. "npm run bench -- diff <result.json>" compares with the last line of the same load on the same class of machine.',
  options: {
    why: { placeholder: 'text', help: 'why the figures are what they are: what changed since the line before' },
    dir: { placeholder: 'folder', help: 'where the history is (default bench/baselines)' },
    json: { help: 'the line as one JSON object' },
  },
}

/** `npm run bench -- accept`. Returns the exit code. Throws {@link UsageError}, or RangeError, for what was asked wrongly. */
export async function acceptCommand(args: readonly string[]): Promise<number> {
  const given = readOptions(args, SPEC)
  if (given.has('help')) {
    console.log(helpOf(SPEC))
    return EXIT.pass
  }
  const [name, ...others] = given.positionals
  const why = given.text('why')?.trim() ?? ''
  if (name === undefined || others.length > 0) throw new UsageError('name one result')
  if (why === '') throw new UsageError('--why says what changed since the last accepted run')
  const baseline = baselineOf(readResult(name, readFileSync(name, 'utf8')), why)
  const file = acceptBaseline(given.text('dir') ?? BASELINES, baseline)
  console.log(given.has('json') ? JSON.stringify(baseline) : `accepted: a line in ${file}; commit it with the change that it is about`)
  return EXIT.pass
}
