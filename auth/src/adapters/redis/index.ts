export { RedisRateBuckets } from './rate-buckets.js'
export { type SharedOptions } from './shared-options.js'
export { RedisUsedProofs } from './used-proofs.js'
