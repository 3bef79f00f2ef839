export { openEngineStore, type EngineStore } from './lmdb/store.js'
export { MarkingLog, REMEMBERED_MARKS_MAX, type EnvelopeRows, type MarkingLogParts, type MarkRows } from './marking-log.js'
export * from './memory/index.js'
export { selectSocketServer, type SocketTier } from './select-socket-server.js'
