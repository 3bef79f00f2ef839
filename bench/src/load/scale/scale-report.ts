import { checkPoint, COST_TERMS, fitCosts, type CheckedPoint, type CostModel, type CostTerm } from './cost-model.js'
import { COST_KINDS } from './load-point.js'
import type { ScaleRecord } from './scale-record.js'
import { sizeFor, type Assumptions, type Sizing } from './sizing.js'

/** Columns of the costs. */
const TERM_NAMES: Readonly<Record<CostTerm, string>> = {
  base: 'the smallest cluster, a second', engine: 'a further engine, a second', link: 'a link between engines, a second', connection: 'a connection, a second', message: 'a message', turn: 'a turn to messages',
  remoteTurn: 'the same to another engine, on top', activeConversation: 'asking for its members', openedConversation: 'the first of its hour',
}

/** What a record says of costs, and what they say of so many users. */
export interface ScaleReport {
  readonly model: CostModel
  readonly checks: readonly CheckedPoint[]
  readonly sizes: readonly Sizing[]
  readonly assumptions: Assumptions
}

/** Makes the model from the points that are for it, holds it against the others, and sizes. */
export function scaleReport({ points }: ScaleRecord, users: readonly number[], assumptions: Assumptions): ScaleReport {
  const of = (purpose: 'fit' | 'check'): ScaleRecord['points'] => points.filter(({ planned }) => planned.purpose === purpose)
  const model = fitCosts(of('fit').map(({ point }) => point))
  return { model, checks: of('check').map(({ point }) => checkPoint(model, point)), sizes: users.map((count) => sizeFor(model, count, assumptions)), assumptions }
}

/** The report as Markdown tables: what the terminal shows and docs/scale.md holds are the same text. */
export function scaleTables({ model, checks, sizes, assumptions }: ScaleReport, { points, machine, measuredAt, secondsPerPoint }: ScaleRecord): string {
  const us = (cores: number): string => plain(cores * 1e6)
  const percent = (share: number): string => `${share > 0 ? '+' : ''}${(share * 100).toFixed(0)} %`
  return [
    `Measured ${measuredAt.slice(0, 10)}: ${machine.cpu}, ${String(machine.cores)} cores, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}; ${String(secondsPerPoint)} s a point, one node of each store, everything on this one machine.`,
    '', '### What was measured', '',
    ...table(['engines', 'connections', 'messages/s', 'first of their hour/s', ...COST_KINDS.map((kind) => `${kind}, % of a core`), 'engines, MiB', 'p99 ms', 'for'], points.map(({ planned, point, p99Ms }) => [
      String(point.engines), String(point.connections), String(point.messagesPerSecond), point.openedPerSecond.toFixed(1), ...COST_KINDS.map((kind) => ((point.cores[kind] ?? 0) * 100).toFixed(1)),
      String(point.rssMiB['engine'] ?? 0), String(p99Ms), planned.purpose === 'fit' ? 'the model' : 'its check',
    ])),
    '', '### What things cost', '', `CPU-microseconds: of one second of being there, of one message, and of one turn of an engine to what came within ${plain(model.turnSeconds * 1_000)} ms.`, '',
    ...table(['', ...Object.values(TERM_NAMES)], COST_KINDS.map((kind) => [kind, ...Object.keys(COST_TERMS).map((term) => {
      const cost = model.kinds[kind][term as CostTerm] // the keys of COST_TERMS
      return cost === undefined ? '' : us(cost)
    })])),
    '', `An engine holds ${plain(model.engineBaseMiB)} MiB, and ${model.connectionKiB.toFixed(1)} KiB for each connection, in these runs.`,
    '', '### Held against other sizes', '',
    ...table(['engines', 'connections', 'messages/s', ...COST_KINDS, 'all CPU'], checks.map(({ point, error }) => [
      String(point.engines), String(point.connections), String(point.messagesPerSecond), ...COST_KINDS.map((kind) => percent(error[kind])), percent(error.all),
    ])),
    '', 'Predicted against measured, of points that the model was not made from; a plus means that less is needed than predicted.',
    '', '### Nodes', '',
    ...table(['users', 'connected', 'messages/s', 'engines', 'their memory, GB', 'auth, cores', 'NATS, cores', 'Redis, cores', 'Cassandra, cores', 'its nodes', 'stored, TB'], sizes.map((size) => [
      plain(size.users), plain(size.connections), plain(size.messagesPerSecond),
      size.engines === undefined ? 'no mesh bears it' : size.cells === undefined ? plain(size.engines) : `${plain(size.engines)} in ${plain(size.cells)} cells`,
      plain(size.engineMemoryGb), plain(size.authCores), plain(size.natsCores), plain(size.redisCores), plain(size.databaseCoresUsed), plain(size.databaseNodes), plain(size.storedTb),
    ])),
    '', `Assumed: ${assumptionsText(assumptions)}.`,
  ].join('\n')
}

function assumptionsText(assumptions: Assumptions): string {
  return [
    `${plain(assumptions.onlineShare * 100)} % of the users connected in the busiest hour`, `${plain(assumptions.messagesPerDay)} messages a user and day to ${plain(assumptions.receivers)} devices each, ${plain(assumptions.burst)} in a second and ${plain(assumptions.perActiveHour)} in an hour of a conversation that has any`,
    `the busiest minute ${plain(assumptions.peakFactor)} times the mean`, `${plain(assumptions.storedBytes)} stored bytes a message, ${plain(assumptions.copies)} copies, ${plain(assumptions.retentionDays)} days`,
    `engines filled to ${plain(assumptions.engineFull * 100)} % of a core and ${plain(assumptions.connectionsPerEngine)} connections`,
    `database nodes of ${plain(assumptions.databaseCores)} cores filled to ${plain(assumptions.databaseFull * 100)} % and ${plain(assumptions.databaseDiskGb)} GB`,
  ].join('; ')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}

/** Three digits that count, with separators for thousands. */
function plain(value: number): string {
  const rounded = value >= 1_000 ? Number(value.toPrecision(3)) : Number(value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2))
  return rounded.toLocaleString('en')
}
