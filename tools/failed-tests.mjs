// A reporter of vitest: what failed, in a few lines each, into a file, so that `npm test` can name it at its very end, where logs that were cut still have it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Where the reporter writes, for a run of vitest with this root. */
export const failedTestsFile = (root) => join(root, 'node_modules', '.cache', 'vitest-failed.txt')

const MAX_SHOWN = 30
const MAX_ERROR_LINES = 12
const MAX_LINE = 300

export default class FailedTests {
  onInit({ config }) {
    this.file = failedTestsFile(config.root)
  }

  onTestRunEnd(testModules, unhandledErrors) {
    mkdirSync(dirname(this.file), { recursive: true })
    writeFileSync(this.file, failedTestLines(testModules, unhandledErrors).join('\n'))
  }
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
