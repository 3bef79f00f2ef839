import type { RedisScript } from '@evegram/platform/redis'

/** What both scripts begin with: the two buckets of an account as they are now, by the clock of the server. */
const BUCKETS = `
local bytesPerDay, blobsPerDay, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local dayMs = 86400000
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + time[2] / 1000
local held = redis.call('HMGET', KEYS[1], 'bytes', 'blobs', 'atMs')
local bytes, blobs = bytesPerDay, blobsPerDay
if held[1] and held[2] and held[3] then
  -- After a failover the clock may be behind: that gives nothing and takes nothing.
  local part = math.max(0, nowMs - tonumber(held[3])) / dayMs
  bytes = math.min(bytesPerDay, tonumber(held[1]) + part * bytesPerDay)
  blobs = math.min(blobsPerDay, tonumber(held[2]) + part * blobsPerDay)
end
local function keep()
  redis.call('HSET', KEYS[1], 'bytes', string.format('%.9f', bytes), 'blobs', string.format('%.12f', blobs), 'atMs', string.format('%.3f', nowMs))
  -- Both are full again after a day, which is what is said of an account that nobody remembers.
  redis.call('PEXPIRE', KEYS[1], dayMs + 1)
end
`

/**
 * Takes one blob and its bytes, or neither. KEYS[1]: the buckets of the account, absent means full. ARGV: bytes and blobs of a day, bytes wanted.
 * Answers {1, 0} or {0, ms until both are there}.
 */
export const TAKE_QUOTA: RedisScript = {
  name: 'quota take',
  lua: `${BUCKETS}
-- Fractions add up in binary: a millionth is forgiven so that a full refill is whole.
local blobsMs = blobs + 1e-6 >= 1 and 0 or (1 - blobs) * dayMs / blobsPerDay
local bytesMs = bytes + 1e-6 >= wanted and 0 or (wanted - bytes) * dayMs / bytesPerDay
if blobsMs > 0 or bytesMs > 0 then
  return { 0, math.max(1, math.ceil(math.max(blobsMs, bytesMs) - 0.001)) }
end
blobs, bytes = math.max(0, blobs - 1), math.max(0, bytes - wanted)
keep()
return { 1, 0 }
`,
}

/** Gives one blob and its bytes back. KEYS and ARGV as of {@link TAKE_QUOTA}. Answers {1, 0}. */
export const GIVE_BACK_QUOTA: RedisScript = {
  name: 'quota give back',
  lua: `${BUCKETS}
blobs, bytes = math.min(blobsPerDay, blobs + 1), math.min(bytesPerDay, bytes + wanted)
keep()
return { 1, 0 }
`,
}
