import type { RedisScript } from '@evegram/platform/redis'

/**
 * Registers a device unless an entry of a higher epoch stands, and forgets entries of the account whose time ran out.
 * KEYS[1] entries of the account: device -> `incarnation epoch expiresAtMs`. ARGV: device, incarnation, epoch, ttlMs.
 * Answers {1}, {1, incarnation, epoch} of what was replaced, or {0, incarnation, epoch} of the newer entry.
 * Numbers are kept as the caller wrote them: Lua compares them exactly, but would print them shorter.
 */
export const REGISTER_SCRIPT: RedisScript = {
  name: 'presence register',
  lua: `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local standing
local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
  local incarnation, epoch, expiresAtMs = string.match(fields[at + 1], '^(%S+) (%S+) (%S+)$')
  if tonumber(expiresAtMs) <= nowMs then
    redis.call('HDEL', KEYS[1], fields[at])
  elseif fields[at] == ARGV[1] then
    standing = { incarnation, epoch }
  end
end
if standing and tonumber(standing[2]) > tonumber(ARGV[3]) then
  return { 0, standing[1], standing[2] }
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3] .. ' ' .. string.format('%.0f', nowMs + ARGV[4]))
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
if standing then
  return { 1, standing[1], standing[2] }
end
return { 1 }
`,
}
