// A reporter of vitest: what failed, in a few lines each, into a file, so that `npm test` can name it at its very end, where logs that were cut still have it. What goes round in
// circles never ends, and no time limit of vitest reaches it: files that take too long are named while they run.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Where the reporter writes, for a run of vitest with this root. */
export const failedTestsFile = (root) => join(root, 'node_modules', '.cache', 'vitest-failed.txt')

const MAX_SHOWN = 30
const MAX_ERROR_LINES = 12
const MAX_LINE = 300
/** A file that runs for so long is named, and again each minute. The longest takes a third of it on two busy cores. */
const LONG_MS = 600_000
const LOOK_MS = 60_000

export default class FailedTests {
  /** When each file that runs began. Which of its tests goes round in circles is not known: it lets no message out. */
  running = new Map()

  constructor({ longMs = LONG_MS, lookMs = LOOK_MS } = {}) {
    this.longMs = longMs
    this.lookMs = lookMs
  }

  onInit({ config }) {
    this.file = failedTestsFile(config.root)
    this.looks = setInterval(() => { for (const line of longLines(this.running, this.longMs, Date.now())) console.log(line) }, this.lookMs)
    this.looks.unref()
  }

  onTestModuleStart({ relativeModuleId }) {
    this.running.set(relativeModuleId, Date.now())
  }

  onTestModuleEnd({ relativeModuleId }) {
    this.running.delete(relativeModuleId)
  }

  onTestRunEnd(testModules, unhandledErrors) {
    clearInterval(this.looks)
    mkdirSync(dirname(this.file), { recursive: true })
    writeFileSync(this.file, failedTestLines(testModules, unhandledErrors).join('\n'))
  }
}

/** A line for each file that runs too long. */
function longLines(running, longMs, nowMs) {
  return [...running].filter(([, sinceMs]) => nowMs - sinceMs >= longMs).map(([file, sinceMs]) => `still running after ${Math.floor((nowMs - sinceMs) / 60_000)} min: ${file}`)
}

/** Lines for a terminal: each failed test with its file and error, files that could not be loaded, and errors that no test caught. None if nothing failed. */
function failedTestLines(testModules, unhandledErrors) {
  const failures = [...testModules.flatMap(failuresOf), ...unhandledErrors.map((error) => ({ name: 'an error that no test caught', errors: [error] }))]
  const lines = failures.slice(0, MAX_SHOWN).flatMap(({ name, errors }) => [name, ...errors.flatMap(errorLines)])
  return failures.length > MAX_SHOWN ? [...lines, `and ${failures.length - MAX_SHOWN} more`] : lines
}

function failuresOf(testModule) {
  const own = testModule.errors()
  const suites = [...testModule.children.allSuites()].filter((suite) => suite.errors().length > 0)
  const tests = [...testModule.children.allTests('failed')]
  return [
    ...(own.length > 0 ? [{ name: testModule.relativeModuleId, errors: own }] : []),
    ...[...suites.map((suite) => [suite, suite.errors()]), ...tests.map((test) => [test, test.result().errors ?? []])]
      .map(([failed, errors]) => ({ name: `${testModule.relativeModuleId} > ${failed.fullName}`, errors })),
  ]
}

function errorLines({ message, stacks }) {
  const at = stacks?.[0]
  const lines = [...String(message).split('\n').slice(0, MAX_ERROR_LINES), ...(at === undefined ? [] : [`at ${at.file}:${at.line}`])]
  return lines.map((line) => `    ${line.slice(0, MAX_LINE)}`)
}
