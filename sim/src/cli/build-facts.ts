import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** Which code ran, and on what. */
export interface BuildFacts {
  /** Hash of the commit, or `unknown` without git. */
  readonly commit: string
  /** Whether files differ from the commit. */
  readonly dirty: boolean
  readonly node: string
}

const execute = promisify(execFile)

/** The commit that `folder` is at. Never rejects. */
export async function buildFactsOf(folder: string): Promise<BuildFacts> {
  const node = process.version
  try {
    const { stdout: head } = await execute('git', ['rev-parse', 'HEAD'], { cwd: folder })
    const { stdout: changes } = await execute('git', ['status', '--porcelain'], { cwd: folder })
    return { commit: head.trim(), dirty: changes.trim() !== '', node }
  } catch {
    // No git, or no repository: a report without the commit is better than none.
    return { commit: 'unknown', dirty: false, node }
  }
}
