import type { RedisScript } from '@evegram/platform/redis'

/**
 * Takes one token of a bucket, by the clock of the server.
 * KEYS[1] the bucket: `tokens` at the time `atMs`; absent means full. ARGV: capacity, refillMs.
 * Answers {1, whole tokens left} or {0, ms until there is one}.
 */
export const TAKE_SCRIPT: RedisScript = {
  name: 'rate take',
  lua: `
local capacity = tonumber(ARGV[1])
local refillMs = tonumber(ARGV[2])
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + time[2] / 1000
local held = redis.call('HMGET', KEYS[1], 'tokens', 'atMs')
local tokens = capacity
if held[1] then
  -- After a failover the clock may be behind: that gives nothing and takes nothing.
  local passedMs = math.max(0, nowMs - tonumber(held[2]))
  tokens = math.min(capacity, tonumber(held[1]) + passedMs / refillMs)
end
-- Fractions of tokens add up in binary: a billionth is forgiven so that a full refill is a whole token.
if tokens + 1e-9 < 1 then
  return { 0, math.max(1, math.ceil((1 - tokens) * refillMs - 0.001)) }
end
tokens = math.max(0, tokens - 1)
redis.call('HSET', KEYS[1], 'tokens', string.format('%.12f', tokens), 'atMs', string.format('%.3f', nowMs))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) * refillMs) + 1)
return { 1, math.floor(tokens) }
`,
}
