import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { describeSocketServer } from '../../ports/socket-server.contract.js'
import type { SocketHandlers, SocketServer } from '../../ports/socket-server.js'
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

    it('shares a port where it is told to, so that connections reach every listener, and goes on when one leaves', async () => {
      const opened = [0, 0]
      const make = (port: number): SocketServer => createUwsSocketServer({
        host: '127.0.0.1', port, sharesPort: true, messageBytesMax: 1_024, outboundBytesMax: 65_536, idleTimeoutMs: 60_000, connectionsMax: 100,
        allowedHosts: ['127.0.0.1:*'], allowedOrigins: [],
      }, 'for this test')
      const counting = (index: number): SocketHandlers => ({
        opened: () => { opened[index] = (opened[index] ?? 0) + 1 },
        message: () => undefined, text: () => undefined, drained: () => undefined, closed: () => undefined,
      })
      const first = make(0)
      const port = await first.listen(counting(0))
      const second = make(port)
      try {
        expect(await second.listen(counting(1))).toBe(port)
        const dial = (): Promise<void> => new Promise((resolve, reject) => {
          new WebSocket(`ws://127.0.0.1:${port}/v1/socket`).once('open', resolve).once('error', reject)
        })
        for (let count = 0; count < 40; count++) await dial()
        // The system spreads by a hash of the addresses: that one of two gets none of 40 has odds of 2 in 10^12.
        expect(Math.min(...opened)).toBeGreaterThan(0)
        expect((opened[0] ?? 0) + (opened[1] ?? 0)).toBe(40)
        first.stopAccepting()
        const before = opened[1] ?? 0
        for (let count = 0; count < 10; count++) await dial()
        expect(opened[1]).toBe(before + 10)
      } finally {
        await first.close()
        await second.close()
      }
    })
  })
}
