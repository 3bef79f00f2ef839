import { acceptCommand } from './cli/accept-command.js'
import { compareCommand } from './cli/compare-command.js'
import { diffCommand } from './cli/diff-command.js'
import { EXIT } from './cli/exit-codes.js'
import { UsageError } from './usage-error.js'
import { mainHelp } from './cli/main-help.js'
import { runCommand } from './cli/run-command.js'
import { scaleCommand } from './cli/scale-command.js'
import { taskCommand } from './cli/task-command.js'
import { findTask } from './tasks/find-task.js'

/** Dispatches `npm run bench -- …`. */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  if (command === undefined || command === '--help' || command === '-h' || command === 'help') {
    console.log(mainHelp())
    return command === undefined ? EXIT.toolError : EXIT.pass
  }
  if (command === 'compare') return compareCommand(rest)
  if (command === 'accept') return acceptCommand(rest)
  if (command === 'diff') return diffCommand(rest)
  if (command === 'scale') return scaleCommand(rest)
  const runArgs = command === 'run' ? rest : args
  const task = findTask(runArgs[0] ?? '')
  return task === undefined ? runCommand(runArgs) : taskCommand(task, runArgs)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  // What a person asked wrongly needs no stack; everything else may need one.
  const isUsage = error instanceof UsageError || error instanceof RangeError
  console.error(isUsage ? `${error.message}\n\nnpm run bench -- --help says more.` : error)
  process.exitCode = EXIT.toolError
}
