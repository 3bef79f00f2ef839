export { TerraDevnet, type TerraDevnetOptions } from './chain.js'
export { serveTerraDevnet, type TerraDevnetServer, type TerraDevnetServerOptions } from './server.js'
