import { MemoryCheckpoints } from '../../flows/reconcile/memory-checkpoints.js'
import type { ReconcileParts } from '../../flows/reconcile/reconcile-flow.js'
import type { ReconciliationReport } from '../../flows/reconcile/report.js'
import { wordsOf, type PlantedHistory } from './planted-history.js'

/** One comparison of several, each of which went on where the one before had ended. */
export interface Round<Measured> {
  readonly measured: Measured
  /** Found, and neither planted by then. */
  readonly invented: readonly string[]
}

/** What the rounds found in the end, and what one comparison of everything finds. */
export interface ComparedRounds<Measured> {
  readonly rounds: readonly Round<Measured>[]
  readonly last: Measured
  readonly whole: Measured
  /** What only one of the two found, and assets about which they say different things. Nothing, when going on from checkpoints loses nothing. */
  readonly different: readonly string[]
}

/**
 * Makes a history of `transfers` items in `rounds` parts and compares after each, from the checkpoint of the one before; then everything at once, from the start.
 * `compare` must list all differences.
 */
export async function compareInRounds<Measured extends { readonly report: ReconciliationReport }>(
  history: PlantedHistory, { transfers, rounds }: { readonly transfers: number; readonly rounds: number }, compare: (parts: ReconcileParts) => Promise<Measured>,
): Promise<ComparedRounds<Measured>> {
  const parts: ReconcileParts = { ...history.parts, checkpoints: new MemoryCheckpoints() }
  const done: Round<Measured>[] = []
  for (let round = 0, made = 0; round < rounds; round++) {
    const items = Math.floor(transfers * (round + 1) / rounds) - made
    await history.goOn(items)
    made += items
    if (round < rounds - 1) await history.pause()
    else await history.end()
    const measured = await compare(parts)
    const { resumed, lines } = measured.report
    if ((resumed === undefined) !== (round === 0)) throw new Error(`round ${String(round + 1)} began at the wrong place`)
    done.push({ measured, invented: lines.map(wordsOf).filter((line) => !history.expected.lines.has(line)) })
  }
  const last = done.at(-1)?.measured
  if (last === undefined) throw new Error('no round')
  const whole = await compare(history.parts)
  return { rounds: done, last, whole, different: differencesOf(last.report, whole.report) }
}

/** What only one of two reports says. */
export function differencesOf(left: ReconciliationReport, right: ReconciliationReport): readonly string[] {
  const [one, other] = [left, right].map(({ lines }) => new Set(lines.map((line) => `${wordsOf(line)} ${String(line.chain)} ${String(line.ledger)}`))) as [Set<string>, Set<string>]
  const text = (report: ReconciliationReport): readonly string[] => report.assets.map((asset) => JSON.stringify(asset, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
  const assets = text(left).flatMap((asset, index) => (asset === text(right)[index] ? [] : [`${asset} and ${text(right)[index] ?? 'nothing'}`]))
  return [...[...one].filter((line) => !other.has(line)), ...[...other].filter((line) => !one.has(line)), ...assets]
}
