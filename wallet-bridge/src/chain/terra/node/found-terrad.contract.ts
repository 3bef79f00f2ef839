import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const TOOL = fileURLToPath(new URL('../../../../../tools/terrad.mjs', import.meta.url))

/** A node that tests can start. */
export interface FoundTerrad {
  readonly path: string
  /** The release that it says it is. */
  readonly version: string
}

/** What stands in the place of tests that need a node where there is none: not to be overlooked. */
export const NO_TERRAD = 'NOT RUN on a real node of Terra: there is none (npm run terra:node builds one and runs this)'

/** The program that TERRAD_BIN names, else the one in the cache; undefined when there is none. Throws when TERRAD_BIN names no program: somebody wants that one. */
export function foundTerrad(): FoundTerrad | undefined {
  try {
    return JSON.parse(execFileSync(process.execPath, [TOOL, 'where', '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })) as FoundTerrad
  } catch (error) {
    // Of a program that failed Node tells what it printed.
    const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string }
    if (stdout?.trim() === 'null') return undefined
    throw new Error(stderr ?? 'there is no answer about terrad', { cause: error })
  }
}
