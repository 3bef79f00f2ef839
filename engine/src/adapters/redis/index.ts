export { RedisInterest } from './interest.js'
export { RedisPushClaims } from './push-claims.js'
export { RedisPresence, type RedisPresenceOptions } from './presence.js'
