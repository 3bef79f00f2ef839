import type { Target } from './target.js'

/** Stands where a task starts servers of its own: nothing is known of them, and nothing is to be ended. */
export const NO_TARGET: Target = {
  driver: 'evegram', description: 'servers of its own', url: '', ws: '', pids: [],
  cost: () => undefined, eventLoopDelayMs: async () => undefined, dispose: async () => undefined,
}
