export { testKeyspace, type TestKeyspace } from './cassandra.js'
export { LOCAL_DATA_CENTER, serviceAddresses, type ServiceKind } from './services.js'
