export { RedisPresence, type RedisPresenceOptions } from './presence.js'
