export { testKeyspace, type TestKeyspace } from './cassandra.js'
export { LOCAL_DATA_CENTER, serviceAddresses, type ServiceKind } from './services.js'
export { TcpProxy } from './tcp-proxy.js'
export { RedisServer, startRedisCluster } from './redis-server.js'
