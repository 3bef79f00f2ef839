import type { RedisScript } from '@evegram/platform/redis'

/**
 * Claims the waking of a device.
 * KEYS[1] what stands for the device: `claimed`, `woken` or `resting`, for its time. ARGV: leaseMs.
 * Answers -2 when it is claimed now, -1 when it stands claimed or woken, and the ms for which it rests.
 */
export const CLAIM_SCRIPT: RedisScript = {
  name: 'push claim',
  lua: `
local held = redis.call('GET', KEYS[1])
if held == 'resting' then
  return string.format('%.0f', math.max(1, redis.call('PTTL', KEYS[1])))
end
if held then
  return '-1'
end
redis.call('SET', KEYS[1], 'claimed', 'PX', ARGV[1])
return '-2'
`,
}

/** A claim that stands counts as a wake. KEYS[1] as above. ARGV: ttlMs. */
export const WOKEN_SCRIPT: RedisScript = {
  name: 'push woken',
  lua: `
if redis.call('GET', KEYS[1]) == 'claimed' then
  redis.call('SET', KEYS[1], 'woken', 'PX', ARGV[1])
end
return '1'
`,
}

/** What stands rests, unless it does already. KEYS[1] as above. ARGV: restMs. */
export const REST_SCRIPT: RedisScript = {
  name: 'push rest',
  lua: `
local held = redis.call('GET', KEYS[1])
if held and held ~= 'resting' then
  redis.call('SET', KEYS[1], 'resting', 'PX', ARGV[1])
end
return '1'
`,
}
