export * from './chain/index.js'
export * from './flows/deposit/index.js'
export * from './flows/payout/index.js'
export * from './ledger/index.js'
