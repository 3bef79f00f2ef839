export { runSeed, type RunOptions, type RunResult } from './run-seed.js'
