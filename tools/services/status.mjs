// What runs, where, and whether it answers.
import { checkHealth } from './health.mjs'
import { LATER } from './preflight.mjs'
import { residentBytes } from './process-identity.mjs'
import { readState } from './state.mjs'

const MIB = 1024 * 1024

/** The state of `dir` with the health of every process: `{isUp, mode?, nodes?, env?, processes: [{name, kind, pid, address, health, rssBytes}]}`. */
export async function status(dir) {
  const state = readState(dir)
  if (state === undefined) return { isUp: false, processes: [] }
  const processes = await Promise.all(state.processes.map(async (noted) => {
    const health = await checkHealth(noted, state.nodes).then(() => 'ok', (error) => error.message)
    return { name: noted.name, kind: noted.kind, pid: noted.pid, address: noted.address, health, rssBytes: health === 'not running' ? undefined : residentBytes(noted.pid) }
  }))
  const isUp = processes.length > 0 && processes.every(({ health }) => health === 'ok')
  return { isUp, mode: state.mode, nodes: state.nodes, dir: state.dir, versions: state.versions, env: state.env, processes }
}

/** The status as a table. */
export function statusLines({ processes, mode, nodes, dir }) {
  if (mode === undefined) return ['nothing is up']
  const rows = processes.map(({ name, kind, pid, address, health, rssBytes }) => [
    name, kind, pid === undefined ? '-' : String(pid), address, rssBytes === undefined ? '-' : `${Math.round(rssBytes / MIB)} MB`, health,
  ])
  for (const kind of Object.keys(LATER)) rows.push([kind, kind, '-', '-', '-', 'no service: the tests of the page bring it'])
  return [`${mode === 'docker' ? 'in containers' : 'native'}, nodes ${nodes}, data in ${dir}`, ...columns([['name', 'kind', 'pid', 'address', 'memory', 'health'], ...rows])]
}

function columns(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd())
}
