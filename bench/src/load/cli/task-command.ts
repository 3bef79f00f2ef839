import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { loadavg, totalmem } from 'node:os'
import { openFilesFault } from '../../open-files.js'
import { machineFacts } from '../../process-cost.js'
import { parseThresholdOf } from '../measure/thresholds.js'
import { taskPrometheus } from '../report/exports.js'
import { taskReport, taskSummary } from '../report/task-report.js'
import { NO_TARGET } from '../targets/no-target.js'
import { startTarget } from '../targets/start-target.js'
import type { Task } from '../tasks/task.js'
import { judgeTask, taskThresholds, type TaskResult } from '../tasks/task-result.js'
import { UsageError } from '../usage-error.js'
import { helpOf, readOptions, type CommandSpec, type GivenOptions } from './command-line.js'
import { EXIT, exitCodeOf } from './exit-codes.js'
import { LiveView } from './live-view.js'
import { RUN_SPEC } from './run-spec.js'

/** Files and sockets of a process beside one for each client. */
const FILES_BESIDE = 200
/** Options of `run` that every task has too. */
const SHARED_OPTIONS = ['seed', 'server', 'admin', 'fresh', 'threshold', 'counters-only', 'html', 'prometheus', 'json', 'dry-run'] as const
/** Those of them that name a server. */
const SERVER_OPTIONS: readonly string[] = ['server', 'admin', 'fresh']

/** `npm run bench -- <task>`. Returns the exit code. Throws UsageError for what was asked wrongly. */
export async function taskCommand(task: Task, args: readonly string[]): Promise<number> {
  const spec = specOf(task)
  const given = readOptions(args, spec)
  if (given.has('help')) {
    console.log(helpOf(spec))
    return EXIT.pass
  }
  if (given.positionals.length > 1) throw new UsageError('name one scenario')
  const thresholds = taskThresholds(task, given.texts('threshold').map((text) => parseThresholdOf(text, task.figures)))
  const plan = task.plan(given)
  const [isJson, seed] = [given.has('json'), given.text('seed') ?? randomBytes(6).toString('hex')]
  if (given.has('dry-run')) {
    const texts = thresholds.map(({ text }) => text)
    if (isJson) console.log(JSON.stringify({ scenario: task.name, seed, config: plan.config, thresholds: texts }))
    else for (const line of [`${task.name}: ${plan.text}, seed ${seed}`, `thresholds: ${texts.join(', ')}`, 'dry run: nothing was started or sent']) console.log(line)
    return EXIT.pass
  }
  const fault = openFilesFault(plan.clients + FILES_BESIDE)
  if (fault !== undefined) throw new UsageError(fault)
  const [startedAt, loadAverageBefore] = [new Date().toISOString(), loadavg()]
  const target = task.hasOwnServer === true ? NO_TARGET : await startTarget({ driver: 'evegram', url: given.text('server'), admin: given.text('admin'), isFresh: given.has('fresh'), clients: plan.clients, cluster: plan.cluster })
  const view = new LiveView(task.name, isJson)
  try {
    if (!isJson && task.hasOwnServer !== true) console.error(`Load on ${target.description}; clients are real accounts, which stay in its data.`)
    const outcome = await plan.run({ target, seed, onProgress: (step, done, total) => { view.onStep(step, done, total) } })
    view.stop()
    const result = judgeTask({
      ...outcome, scenario: task.name, startedAt, seed, config: plan.config, text: plan.text, units: task.figures,
      system: { description: target.description, pids: target.pids },
      machine: { ...machineFacts(), memoryGiB: Math.round(totalmem() / 2 ** 30), loadAverageBefore, loadAverageAfter: loadavg() },
    }, thresholds, given.has('counters-only'))
    writeFiles(result, given, isJson)
    console.log(isJson ? JSON.stringify(result) : taskSummary(result).join('\n'))
    return exitCodeOf(result.verdict)
  } finally {
    view.stop()
    await target.dispose()
  }
}

function specOf(task: Task): CommandSpec {
  const shared = Object.fromEntries(SHARED_OPTIONS.filter((name) => task.hasOwnServer !== true || !SERVER_OPTIONS.includes(name)).flatMap((name) => {
    const option = RUN_SPEC.options[name]
    return option === undefined ? [] : [[name, name === 'threshold' ? { ...option, help: `fail (99) unless it holds; may be repeated. Always: ${task.mustHold.map((text) => `'${text}'`).join(' ')}` } : option]]
  }))
  return {
    usage: `npm run bench -- ${task.name} [options]`,
    text: `${task.text}\n\nFigures for thresholds: ${Object.keys(task.figures).join(', ')}`, options: { ...task.options, ...shared },
  }
}

function writeFiles(result: TaskResult, given: GivenOptions, isJson: boolean): void {
  for (const [option, write] of Object.entries({ html: taskReport, prometheus: taskPrometheus })) {
    const file = given.text(option)
    if (file === undefined) continue
    writeFileSync(file, write(result))
    if (!isJson) console.error(`${option}: ${file}`)
  }
}
