export { runSeed } from './run-seed.js'
export type { RunOptions, RunResult } from './run-options.js'
