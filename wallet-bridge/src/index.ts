export * from './chain/index.js'
export * from './ledger/index.js'
