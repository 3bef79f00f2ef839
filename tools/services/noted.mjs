// Starts and ends the processes of the state file, together with what belongs to them.
import { endOrphans } from './postgres.mjs'
import { kill, startDetached, stop } from './processes.mjs'

/** Starts `noted` by its recipe; it does not run. Resolves with `{pid, startedAt}`. */
export async function startNoted(noted) {
  await endBelonging(noted)
  return startDetached(noted.start, noted.log)
}

/** Ends `noted` in order; resolves with how it went, as `stop` says it. */
export async function stopNoted(noted) {
  const how = await stop(noted)
  await endBelonging(noted)
  return how
}

/** Kills `noted` and what belongs to it. */
export async function killNoted(noted) {
  await kill(noted)
  await endBelonging(noted)
}

async function endBelonging(noted) {
  if (noted.kind === 'postgres') await endOrphans(noted)
}
