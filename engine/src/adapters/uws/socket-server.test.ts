import { describe, expect, it } from 'vitest'
import { describeSocketServer } from '../../ports/socket-server.contract.js'
import { findUwsBinary, isUwsMapped } from './native.js'
import { createUwsSocketServer } from './socket-server.js'

// The product runs on Node 20, whose binary the installed package carries: there its absence is red, not skipped.
const NODE_OF_THE_BINARY = /^20\./

if (findUwsBinary() === undefined && !NODE_OF_THE_BINARY.test(process.versions.node)) {
  // Node versions without the binary run the ws tier, whose suite runs everywhere.
  describe.skip(`SocketServer: uWebSockets.js has no binary for Node ${process.versions.node}`, () => { it('is not run', () => undefined) })
} else {
  describeSocketServer({
    name: 'uWebSockets.js', gaps: ['unmasked'], create: (options) => createUwsSocketServer(options, 'because the suite asks for it'),
  })

  describe('uWebSockets.js', () => {
    it('runs on the native binary, not on the imitation inside the package', () => {
      expect(isUwsMapped()).toBe(true)
    })
  })
}
