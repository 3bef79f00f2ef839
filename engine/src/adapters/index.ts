export { openEngineStore, type EngineStore } from './lmdb/store.js'
export * from './memory/index.js'
export { selectSocketServer, type SocketTier } from './select-socket-server.js'
