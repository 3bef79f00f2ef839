import type { NotedProcess } from './process-identity.mjs'
/** How to start a process. */
export interface StartRecipe {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}
/** Starts a process that outlives this one. */
export function startDetached(recipe: StartRecipe, log: string): Promise<{ readonly pid: number, readonly startedAt: string }>
/** Ends the noted process. */
export function stop(noted: NotedProcess, graceMs?: number): Promise<'gone' | 'ended' | 'killed'>
