import { COST_KINDS, type CostKind, type Load, type LoadPoint } from './load-point.js'
import { nonNegativeFit } from './non-negative-fit.js'

/** Receivers sit on any engine with the same chance: this share of messages goes to another one. */
export function remoteShare(engines: number): number {
  return (engines - 1) / engines
}

/**
 * How often engines turn to messages, a second, all together: what comes to an engine within `turnSeconds` of a first message is done with it, in one go. A message alone is a
 * turn; where many come, their number hardly matters. (Renewal theory: a turn begins, lasts, and the next message is 1/rate away.)
 */
export function turnsPerSecond({ messagesPerSecond, engines }: Pick<Load, 'messagesPerSecond' | 'engines'>, turnSeconds: number): number {
  return messagesPerSecond / (1 + (messagesPerSecond / engines) * turnSeconds)
}

/** Everything that can cost something, by a name, and how much of it there is under a load, a second, when a turn lasts so long. */
export const COST_TERMS = {
  base: () => 1,
  engine: ({ engines }) => engines - 1,
  link: ({ engines }) => engines * (engines - 1),
  connection: ({ connections }) => connections,
  message: ({ messagesPerSecond }) => messagesPerSecond,
  turn: (load, turnSeconds) => turnsPerSecond(load, turnSeconds),
  remoteTurn: (load, turnSeconds) => turnsPerSecond(load, turnSeconds) * remoteShare(load.engines),
  activeConversation: ({ activePerSecond }) => activePerSecond,
  openedConversation: ({ openedPerSecond }) => openedPerSecond,
} as const satisfies Readonly<Record<string, (load: Load, turnSeconds: number) => number>>
/** See {@link COST_TERMS}. */
export type CostTerm = keyof typeof COST_TERMS

/** What each kind of process has to do with: a cost that cannot be there must not be found by chance. */
const TERMS_OF: Readonly<Record<CostKind, readonly CostTerm[]>> = {
  engine: ['base', 'engine', 'link', 'connection', 'message', 'turn', 'remoteTurn', 'openedConversation'],
  auth: ['base', 'engine', 'connection', 'turn', 'activeConversation'],
  cassandra: ['base', 'engine', 'message', 'turn', 'openedConversation'],
  nats: ['base', 'engine', 'link', 'remoteTurn'],
  redis: ['base', 'engine', 'connection', 'message', 'turn'],
}

/** Lengths of a turn that are tried, in seconds: from none, where every message is one, to a fifth of a second, in ratios of about 1.25. */
const TURN_SECONDS_TRIED: readonly number[] = [0, ...Array.from({ length: 25 }, (_, step) => 0.001 * 1.25 ** step)]

/** What one kind of process costs: core-seconds for one of each term. */
export type KindCost = Readonly<Partial<Record<CostTerm, number>>>

/** Costs of all kinds, and memory of a connection. */
export interface CostModel {
  /** How long the messages of one engine gather, in effect: the length with the least error in the points that the model was made from. */
  readonly turnSeconds: number
  readonly kinds: Readonly<Record<CostKind, KindCost>>
  readonly engineBaseMiB: number
  readonly connectionKiB: number
}

/** A prediction held against a measurement. */
export interface CheckedPoint {
  readonly point: LoadPoint
  readonly predicted: Readonly<Record<CostKind, number>>
  /** (predicted - measured) / measured, for each kind and for all CPU together. */
  readonly error: Readonly<Record<CostKind | 'all', number>>
}

/** Finds the costs from measured points: at least as many as a kind has terms, of different sizes. Throws RangeError for fewer. */
export function fitCosts(points: readonly LoadPoint[]): CostModel {
  const [first, ...others] = TURN_SECONDS_TRIED.map((turnSeconds) => fitKinds(points, turnSeconds))
  if (first === undefined) throw new RangeError('no length of a turn to try')
  const { turnSeconds, kinds } = others.reduce((best, other) => (other.error < best.error ? other : best), first)
  const [engineBaseMiB = 0, connectionMiB = 0] = nonNegativeFit(points.map(({ engines, connections }) => [engines, connections]), points.map(({ rssMiB }) => rssMiB['engine'] ?? 0))
  return { turnSeconds, kinds, engineBaseMiB, connectionKiB: connectionMiB * 1_024 }
}

/** Costs of all kinds for one length of a turn, and the sum of their squared relative errors. */
function fitKinds(points: readonly LoadPoint[], turnSeconds: number): Pick<CostModel, 'turnSeconds' | 'kinds'> & { readonly error: number } {
  const kinds = Object.fromEntries(COST_KINDS.map((kind) => {
    const terms = TERMS_OF[kind]
    if (points.length < terms.length) throw new RangeError(`${String(terms.length)} costs need as many measured points, not ${String(points.length)}`)
    const found = nonNegativeFit(points.map((point) => terms.map((term) => COST_TERMS[term](point, turnSeconds))), points.map(({ cores }) => cores[kind] ?? 0))
    return [kind, Object.fromEntries(terms.map((term, at) => [term, found[at] ?? 0]))]
  })) as Record<CostKind, KindCost> // one entry for each of COST_KINDS
  const errors = COST_KINDS.flatMap((kind) => points.map((point) => relative(predictCores(kinds[kind], point, turnSeconds), point.cores[kind] ?? 0)))
  return { turnSeconds, kinds, error: errors.reduce((sum, error) => sum + error * error, 0) }
}

/** Cores that a kind uses under a load, when a turn lasts so long. */
export function predictCores(cost: KindCost, load: Load, turnSeconds: number): number {
  return Object.entries(COST_TERMS).reduce((sum, [term, amount]) => sum + amount(load, turnSeconds) * (cost[term as CostTerm] ?? 0), 0) // the keys of COST_TERMS
}

/** Predicts a point that the costs were not made from, and says how far it is from what was measured. */
export function checkPoint(model: CostModel, point: LoadPoint): CheckedPoint {
  const predicted = Object.fromEntries(COST_KINDS.map((kind) => [kind, predictCores(model.kinds[kind], point, model.turnSeconds)])) as Record<CostKind, number> // one for each kind
  const measured = (kind: CostKind): number => point.cores[kind] ?? 0
  const all = (of: (kind: CostKind) => number): number => COST_KINDS.reduce((sum, kind) => sum + of(kind), 0)
  const errors = COST_KINDS.map((kind) => [kind, relative(predicted[kind], measured(kind))] as const)
  return {
    point, predicted,
    error: Object.fromEntries([...errors, ['all', relative(all((kind) => predicted[kind]), all(measured))]]) as Record<CostKind | 'all', number>, // one for each
  }
}

function relative(predicted: number, measured: number): number {
  return measured === 0 ? 0 : (predicted - measured) / measured
}
