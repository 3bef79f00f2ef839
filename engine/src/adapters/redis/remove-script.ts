import type { RedisScript } from '@evegram/platform/redis'

/**
 * Removes an entry if it is exactly the named one.
 * KEYS[1] entries of the account: device -> `incarnation epoch expiresAtMs`. ARGV: device, incarnation, epoch.
 * Answers how many were removed.
 */
export const REMOVE_SCRIPT: RedisScript = {
  name: 'presence remove',
  lua: `
local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held then
  return 0
end
local incarnation, epoch = string.match(held, '^(%S+) (%S+) (%S+)$')
if tonumber(incarnation) ~= tonumber(ARGV[2]) or tonumber(epoch) ~= tonumber(ARGV[3]) then
  return 0
end
return redis.call('HDEL', KEYS[1], ARGV[1])
`,
}
