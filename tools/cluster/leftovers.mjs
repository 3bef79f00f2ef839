// What a cluster makes outside of its folder carries the id of its process, so that the next one can clear away what a killed one left behind.
import { startTimeOf } from '../services/process-identity.mjs'

const PREFIX = 'evegram-rig-'

/** The name of what this process makes. */
export function ownName(pid = process.pid) {
  return `${PREFIX}${pid}`
}

/** Those of `names` that were made by a process which is gone. */
export function leftByTheDead(names) {
  return names.filter((name) => {
    const [, pid] = /^evegram-rig-([1-9]\d*)$/.exec(name) ?? []
    return pid !== undefined && startTimeOf(Number(pid)) === undefined
  })
}
