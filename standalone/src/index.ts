export { startStandalone, type Standalone } from './standalone.js'
export { readStandaloneConfig, type StandaloneConfig } from './config.js'
