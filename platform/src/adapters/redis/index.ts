export { connectRedis, type RedisOptions } from './connect.js'
export { REDIS_COMMAND_MS, type RedisConnection, type RedisReply, type RedisScript } from './connection.js'
export { WhileAway, type WhileAwayParts } from './while-away.js'
export { parseRedisUrl, type RedisNode, type RedisPlace } from './place.js'
