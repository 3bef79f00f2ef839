/** A whole auth on a free port and people who sign in to it, for the tests of services that ask auth. */
export { TestDevice, TestWallet, type TestMember } from './actors.js'
export { authInternalRoutes } from '../adapters/http/internal-routes.js'
export { TestServer, type TestTokens } from './test-server.js'
