import type { RedisScript } from '@evegram/platform/redis'

/**
 * Extends entries of one wide conversation that are exactly the named ones.
 * KEYS[1] nodes of the conversation: incarnation -> `registration expiresAtMs`. ARGV: ttlMs, then incarnation and registration of each.
 * Answers 1 (found) or 0 (absent) for each.
 */
export const REFRESH_INTEREST_SCRIPT: RedisScript = {
  name: 'interest refresh',
  lua: `
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
local found = false
for at = 2, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[1], ARGV[at])
  local answer = 0
  if held then
    local registration, expiresAtMs = string.match(held, '^(%S+) (%S+)$')
    if tonumber(expiresAtMs) > nowMs and tonumber(registration) == tonumber(ARGV[at + 1]) then
      redis.call('HSET', KEYS[1], ARGV[at], registration .. ' ' .. string.format('%.0f', nowMs + ARGV[1]))
      answer = 1
      found = true
    end
  end
  answers[#answers + 1] = answer
end
if found and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return answers
`,
}
