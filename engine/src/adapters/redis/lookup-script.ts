import type { RedisScript } from '@evegram/platform/redis'

/**
 * The entries of one account whose time has not run out, by the clock of the server that set it.
 * KEYS[1] entries of the account: device -> `incarnation epoch expiresAtMs`.
 * Answers device, incarnation and epoch of each, one behind the other.
 */
export const LOOKUP_SCRIPT: RedisScript = {
  name: 'presence lookup',
  lua: `
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then
  return {}
end
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for at = 1, #fields, 2 do
  local incarnation, epoch, expiresAtMs = string.match(fields[at + 1], '^(%S+) (%S+) (%S+)$')
  if tonumber(expiresAtMs) > nowMs then
    local count = #answers
    answers[count + 1] = fields[at]
    answers[count + 2] = incarnation
    answers[count + 3] = epoch
  end
end
return answers
`,
}
