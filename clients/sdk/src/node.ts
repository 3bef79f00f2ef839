export { nodePrimitives } from './node/signal-primitives.js'
export { nodeSystem } from './node/node-system.js'
export { wsSockets } from './node/ws-sockets.js'
export { openSqliteStore } from './store/sqlite.js'
