export * from './reconcile-flow.js'
export * from './report.js'
export * from './transfer-comparison.js'
