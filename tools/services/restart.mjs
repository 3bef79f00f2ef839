// One process of the services, by its name: for runs that kill and pause them on purpose.
import { startNoted } from './noted.mjs'
import { signal, kill } from './processes.mjs'
import { signalContainer } from './docker.mjs'
import { runTool } from './run-tool.mjs'
import { isRunning } from './process-identity.mjs'
import { readState, withState, writeState } from './state.mjs'

const START_MS_MAX = 60_000

/** The process called `name`, as the state file has it now; rejects when there is none. */
export function findService(dir, name) {
  const noted = readState(dir)?.processes.find((other) => other.name === name)
  if (noted === undefined) throw new Error(`no service is called ${name}`)
  return noted
}

/** Kills the service at once (SIGKILL); resolves when it is gone. It stays down until `startService`. */
export async function killService(dir, name) {
  const noted = findService(dir, name)
  if (noted.container === undefined) await kill(noted)
  else await signalContainer(noted.container, 'SIGKILL')
}

/** Sends SIGSTOP or SIGCONT to the service. */
export async function signalService(dir, name, signalName) {
  const noted = findService(dir, name)
  if (noted.container !== undefined) await signalContainer(noted.container, signalName)
  else if (!signal(noted, signalName)) throw new Error(`${name} is not running`)
}

/** Starts the service again by its recipe, with the data it has, unless it runs. Resolves with its entry in the state file, before it is healthy. */
export function startService(dir, name) {
  return withState(dir, async () => {
    const state = readState(dir)
    const noted = state?.processes.find((other) => other.name === name)
    if (noted === undefined) throw new Error(`no service is called ${name}`)
    if (noted.container !== undefined) await runTool(noted.start.command, noted.start.args, { cwd: noted.start.cwd, env: noted.start.env, timeoutMs: START_MS_MAX })
    else if (!isRunning(noted)) Object.assign(noted, await startNoted(noted))
    writeState(dir, state)
    return noted
  })
}
