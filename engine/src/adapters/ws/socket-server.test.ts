import { describe, expect, it } from 'vitest'
import { describeSocketServer } from '../../ports/socket-server.contract.js'
import { createWsSocketServer } from './socket-server.js'

describeSocketServer({ name: 'ws', create: (options) => createWsSocketServer(options, 'because the suite asks for it') })

describe('ws', () => {
  it('refuses to share a port, which this Node cannot do, rather than to take half of what was meant', async () => {
    const server = createWsSocketServer({
      host: '127.0.0.1', port: 0, sharesPort: true, messageBytesMax: 1_024, outboundBytesMax: 65_536, idleTimeoutMs: 60_000, connectionsMax: 10, allowedHosts: [], allowedOrigins: [],
    }, 'for this test')
    const nothing = (): void => undefined
    await expect(server.listen({ opened: nothing, message: nothing, text: nothing, drained: nothing, closed: nothing })).rejects.toMatchObject({ code: 'invalid.config' })
  })
})
