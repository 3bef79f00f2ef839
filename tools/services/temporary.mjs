// Services for one run: in a folder of their own, ended with it. What a run that was killed left behind, the next one ends.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { down } from './down.mjs'
import { isRunning, startTimeOf } from './process-identity.mjs'
import { KINDS, up } from './up.mjs'

const PREFIX = 'evegram-test-services-'
const OWNER = 'owner.json'

/**
 * Starts one of each service (or of `kinds`). Resolves with `{state, end}`; `end()` ends them and deletes their data, once. When starting fails, what was started is
 * ended before the rejection.
 */
export async function startTemporary({ settings, say, abort, kinds = KINDS }) {
  await endAbandoned(say)
  const dir = mkdtempSync(join(tmpdir(), PREFIX))
  writeFileSync(join(dir, OWNER), JSON.stringify({ pid: process.pid, startedAt: startTimeOf(process.pid) }))
  let ending
  const end = () => {
    ending ??= endAll(dir, say)
    return ending
  }
  try {
    return { state: await up({ nodes: 1, dir, kinds, settings, say, abort }), end }
  } catch (error) {
    await end()
    throw error
  }
}

async function endAll(dir, say) {
  await down({ dir, purge: true, say })
  rmSync(dir, { recursive: true, force: true })
}

async function endAbandoned(say) {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const dir = join(tmpdir(), name)
    try {
      if (isRunning(JSON.parse(readFileSync(join(dir, OWNER), 'utf8')))) continue
    } catch {
      // Without a note it is a folder that was just made, or somebody else's: not ours to delete.
      continue
    }
    say(`ending what an earlier run left in ${dir}`)
    await endAll(dir, say)
  }
}
