import { writeFileSync } from 'node:fs'
import { machineFacts } from '../../process-cost.js'
import { measurePoints } from '../scale/measure-points.js'
import { readScaleRecord, SCALE_FORMAT, type ScaleRecord } from '../scale/scale-record.js'
import { scaleReport, scaleTables } from '../scale/scale-report.js'
import { DEFAULT_ASSUMPTIONS, type Assumptions } from '../scale/sizing.js'
import { PLANNED_POINTS } from '../scale/load-point.js'
import { UsageError } from '../usage-error.js'
import { helpOf, readOptions, type CommandSpec, type GivenOptions } from './command-line.js'
import { EXIT } from './exit-codes.js'
import { durationOf } from './load-config.js'

/** Options that change an assumption, and what they are about. */
const ASSUMPTION_OPTIONS = {
  online: { field: 'onlineShare', help: 'share of the users who are connected in the busiest hour' },
  messages: { field: 'messagesPerDay', help: 'messages that a user sends a day' },
  receivers: { field: 'receivers', help: 'devices that a message goes to' },
  burst: { field: 'burst', help: 'messages of a conversation in a second in which it has any' },
  'per-hour': { field: 'perActiveHour', help: 'messages of a conversation in an hour in which it has any' },
  peak: { field: 'peakFactor', help: 'the busiest minute against the mean of the day' },
  stored: { field: 'storedBytes', help: 'bytes of a stored message, with its keys' },
  retention: { field: 'retentionDays', help: 'days that messages are kept' },
  copies: { field: 'copies', help: 'copies in the database' },
  'engine-full': { field: 'engineFull', help: 'share of a core that an engine may use at the peak' },
  'engine-connections': { field: 'connectionsPerEngine', help: 'connections of an engine' },
  'database-cores': { field: 'databaseCores', help: 'cores of a database node' },
  'database-disk': { field: 'databaseDiskGb', help: 'usable disk of a database node, in GB' },
  'database-full': { field: 'databaseFull', help: 'share of its cores that a database node may use' },
} as const satisfies Readonly<Record<string, { readonly field: keyof Assumptions; readonly help: string }>>
/** What fails the measurement. A delivery behind a later one is told: with several engines the order is made by the devices, from the envelope, and a loaded machine shows that. */
const BROKEN = ['lost', 'duplicated', 'undecryptable', 'misdelivered', 'unacknowledged'] as const
const USERS = '1000000,10000000,100000000'

const SPEC: CommandSpec = {
  usage: 'npm run bench -- scale [--save file] [--from file] [--users 1000000] [options]',
  text: 'What a message and a connection cost on a real cluster of this machine (engines, auth, Cassandra, NATS, Redis), and what so many users would need by that. Costs are\n' +
    `made from ${String(PLANNED_POINTS.filter(({ purpose }) => purpose === 'fit').length)} measured sizes and held against ${String(PLANNED_POINTS.filter(({ purpose }) => purpose === 'check').length)} others, with the error printed. Takes about a quarter of an hour; --from makes the tables again without measuring.`,
  options: {
    duration: { placeholder: 'time', help: 'of each measured point (default 30s)' },
    users: { placeholder: 'list', help: `numbers of users, separated by commas (default ${USERS})` },
    save: { placeholder: 'file', help: 'write what was measured' },
    from: { placeholder: 'file', help: 'take what an earlier run saved, and measure nothing' },
    ...Object.fromEntries(Object.entries(ASSUMPTION_OPTIONS).map(([name, { field, help }]) => [name, { placeholder: 'n', help: `${help} (default ${String(DEFAULT_ASSUMPTIONS[field])})` }])),
    seed: { placeholder: 'text', help: 'the same seed plans the same times (default: drawn)' },
    json: { help: 'everything as one JSON object on standard output' },
  },
}

/** `npm run bench -- scale`. Returns the exit code: 99 when messages were lost while it measured. Throws {@link UsageError} for what was asked wrongly. */
export async function scaleCommand(args: readonly string[]): Promise<number> {
  const given = readOptions(args, SPEC)
  if (given.has('help')) {
    console.log(helpOf(SPEC))
    return EXIT.pass
  }
  if (given.positionals.length > 0) throw new UsageError('scale takes options alone')
  const [assumptions, users] = [assumptionsOf(given), usersOf(given)]
  const file = given.text('from')
  const record = file === undefined ? await measure(given) : readScaleRecord(file)
  const save = given.text('save')
  if (save !== undefined) writeFileSync(save, `${JSON.stringify(record, undefined, 2)}\n`)
  const report = scaleReport(record, users, assumptions)
  console.log(given.has('json') ? JSON.stringify({ ...record, ...report }) : scaleTables(report, record))
  return record.points.some(({ faults }) => faults.some((fault) => BROKEN.some((counter) => fault.startsWith(`${counter}==0`)))) ? EXIT.breach : EXIT.pass
}

async function measure(given: GivenOptions): Promise<ScaleRecord> {
  const seconds = durationOf(given)
  const measuredAt = new Date().toISOString()
  const points = await measurePoints(given, seconds, ({ planned, point, faults }) => {
    if (!given.has('json')) console.error(`${String(planned.engines)} engines, ${String(planned.clients)} connections, ${String(point.messagesPerSecond)}/s: ${Object.entries(point.cores).map(([kind, cores]) => `${kind} ${(cores * 100).toFixed(0)} %`).join(', ')}${faults.length === 0 ? '' : `; ${faults.join('; ')}`}`)
  })
  return { format: SCALE_FORMAT, measuredAt, machine: machineFacts(), secondsPerPoint: seconds, points }
}

function assumptionsOf(given: GivenOptions): Assumptions {
  const changed = Object.entries(ASSUMPTION_OPTIONS).flatMap(([name, { field }]) => {
    const text = given.text(name)
    if (text === undefined) return []
    const value = Number(text)
    if (!(value > 0)) throw new UsageError(`--${name} is a number above 0, not "${text}"`)
    return [[field, value] as const]
  })
  return { ...DEFAULT_ASSUMPTIONS, ...Object.fromEntries(changed) }
}

function usersOf(given: GivenOptions): readonly number[] {
  return (given.text('users') ?? USERS).split(',').map((text) => {
    const users = Number(text)
    if (!Number.isInteger(users) || users < 1) throw new UsageError(`--users is a list of whole numbers, not "${text}"`)
    return users
  })
}
