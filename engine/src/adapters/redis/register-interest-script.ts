import type { RedisScript } from '@evegram/platform/redis'

/**
 * Registers nodes that have live members of one wide conversation, unless an entry of the same node with a higher registration stands, and forgets entries
 * whose time ran out.
 * KEYS[1] nodes of the conversation: incarnation -> `registration expiresAtMs`. ARGV: ttlMs, then incarnation and registration of each.
 * Numbers are kept as the caller wrote them: Lua compares them exactly, but would print them shorter.
 */
export const REGISTER_INTEREST_SCRIPT: RedisScript = {
  name: 'interest register',
  lua: `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local standing = {}
local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
  local registration, expiresAtMs = string.match(fields[at + 1], '^(%S+) (%S+)$')
  if tonumber(expiresAtMs) <= nowMs then
    redis.call('HDEL', KEYS[1], fields[at])
  else
    standing[fields[at]] = tonumber(registration)
  end
end
for at = 2, #ARGV, 2 do
  if (standing[ARGV[at]] or 0) <= tonumber(ARGV[at + 1]) then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1] .. ' ' .. string.format('%.0f', nowMs + ARGV[1]))
  end
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
`,
}
