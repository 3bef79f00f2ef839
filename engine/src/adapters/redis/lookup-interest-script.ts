import type { RedisScript } from '@evegram/platform/redis'

/**
 * The nodes that have live members of one wide conversation and whose time has not run out, by the clock of the server that set it.
 * KEYS[1] nodes of the conversation: incarnation -> `registration expiresAtMs`. Answers their incarnations.
 */
export const LOOKUP_INTEREST_SCRIPT: RedisScript = {
  name: 'interest lookup',
  lua: `
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then
  return {}
end
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for at = 1, #fields, 2 do
  if tonumber(string.match(fields[at + 1], '^%S+ (%S+)$')) > nowMs then
    answers[#answers + 1] = fields[at]
  end
end
return answers
`,
}
