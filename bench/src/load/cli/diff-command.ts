import { readFileSync } from 'node:fs'
import { BASELINES, lastBaseline, type AnyResult } from '../baseline.js'
import { diffResults, diffWithBaseline, readResult, type Diff } from '../diff.js'
import { helpOf, readOptions, type CommandSpec, type GivenOptions } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { UsageError } from '../usage-error.js'

const BAND_PERCENT = 10

const SPEC: CommandSpec = {
  usage: 'npm run bench -- diff [<before.json>] <after.json> [options]',
  text: 'Says what changed between two results (of --json), or with one name, since the last accepted run of the same load on a machine of the same class. Ends with 99 when a figure is worse by more than the noise band; with 2 when the runs differ in\nmore than the code, or one is not valid.',
  options: {
    band: { placeholder: 'percent', help: `changes within it are noise (default ${String(BAND_PERCENT)}); measure yours: two runs of the same commit` },
    dir: { placeholder: 'folder', help: 'where accepted runs are, for one name (default bench/baselines)' },
    json: { help: 'the changes as one JSON object' },
  },
}

/** `npm run bench -- diff`. Returns the exit code. Throws {@link UsageError} for what was asked wrongly. */
export async function diffCommand(args: readonly string[]): Promise<number> {
  const given = readOptions(args, SPEC)
  if (given.has('help')) {
    console.log(helpOf(SPEC))
    return EXIT.pass
  }
  const band = Number(given.text('band') ?? BAND_PERCENT)
  if (!(band >= 0 && band <= 1_000)) throw new UsageError('--band is a number of percent from 0 to 1000')
  const diff = diffFor(given, band / 100)
  if (given.has('json')) console.log(JSON.stringify(diff))
  else {
    for (const difference of diff.differences) console.log(`not the same run: ${difference}`)
    console.log(`${'figure'.padEnd(16)}${'before'.padStart(12)}${'after'.padStart(12)}${'change'.padStart(10)}`)
    for (const { metric, before: from, after: to, share, verdict } of diff.changes) {
      const change = share === null ? (to === from ? '' : 'new') : `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`
      console.log(`${metric.padEnd(16)}${String(Number(from.toFixed(2))).padStart(12)}${String(Number(to.toFixed(2))).padStart(12)}${change.padStart(10)}${verdict === 'same' ? '' : `  ${verdict}`}`)
    }
    console.log(`noise band ${String(band)} %`)
  }
  return diff.isWorse ? EXIT.breach : diff.differences.length > 0 ? EXIT.invalid : EXIT.pass
}

/** Of two results, or of one since the last accepted run. */
function diffFor(given: GivenOptions, band: number): Diff {
  const [first, second, ...others] = given.positionals
  if (first === undefined || others.length > 0) throw new UsageError('name two results (before.json after.json), or one to compare with the last accepted run')
  if (second !== undefined) return diffResults(resultOf(first), resultOf(second), band)
  const after = resultOf(first)
  const baseline = lastBaseline(given.text('dir') ?? BASELINES, after)
  if (baseline === undefined) throw new UsageError(`no run of this load was accepted on a machine like this one: "npm run bench -- accept ${first} --why …" begins the history`)
  if (!given.has('json')) console.log(`since ${baseline.commit} of ${baseline.startedAt.slice(0, 10)} (${baseline.why})`)
  return diffWithBaseline(baseline, after, band)
}

function resultOf(file: string): AnyResult {
  return readResult(file, readFileSync(file, 'utf8'))
}
