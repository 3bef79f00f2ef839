// Ends exactly what was started, and on request deletes its data.
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { composeDown } from './docker.mjs'
import { stopNoted } from './noted.mjs'
import { readState, removeState, withState } from './state.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Ends the services of `dir`; with `purge` their data goes as well. A no-op where nothing runs. */
export async function down({ dir, purge = false, say }) {
  if (!existsSync(dir)) return
  await withState(dir, async () => {
    const state = readState(dir)
    if (state === undefined) say('nothing is up')
    else {
      const inContainers = state.processes.filter(({ container }) => container !== undefined)
      if (state.mode === 'docker' && inContainers.length > 0) {
        await composeDown({ root, dir, nodes: state.nodes, environment: inContainers[0].start.env, purge })
        say('containers ended')
      }
      await Promise.all(state.processes.filter(({ container }) => container === undefined).map(async (noted) => {
        const how = await stopNoted(noted)
        say(how === 'gone' ? `${noted.name} was not running` : `${noted.name} ${how} (process ${noted.pid})`)
      }))
    }
    removeState(dir)
    if (purge) deleteData(dir)
  }, (holder) => say(`another command (process ${holder}) is changing the services; waiting`))
  // The lock was the last thing in it.
  if (purge && existsSync(dir) && readdirSync(dir).length === 0) rmdirSync(dir)
}

/** Only what these commands made: the folder may be one that somebody else uses, too. */
function deleteData(dir) {
  for (const name of ['nodes-1', 'nodes-3', 'cache']) rmSync(join(dir, name), { recursive: true, force: true })
}
