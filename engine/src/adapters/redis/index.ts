export { RedisInterest } from './interest.js'
export { RedisPresence, type RedisPresenceOptions } from './presence.js'
