import { describe, expect, it, vi } from 'vitest'
import type { SocketServerOptions } from '../ports/socket-server.js'
import { selectSocketServer } from './select-socket-server.js'
import * as native from './uws/native.js'

vi.mock('./uws/native.js', { spy: true })

const OPTIONS: SocketServerOptions = {
  host: '127.0.0.1', port: 0, messageBytesMax: 1_000, outboundBytesMax: 1_000, idleTimeoutMs: 1_000, connectionsMax: 1, allowedHosts: [], allowedOrigins: [],
}
const hasBinary = native.findUwsBinary() !== undefined

describe('selectSocketServer', () => {
  it.runIf(hasBinary)('takes uWebSockets.js where this Node has a native binary, and says so', async () => {
    expect((await selectSocketServer(OPTIONS)).description).toMatch(/^uWebSockets\.js because its native binary for Node \d+\.\d+\.\d+ on \w+-\w+ is installed$/)
  })

  it('takes ws where there is no binary, and says so', async () => {
    vi.mocked(native.findUwsBinary).mockReturnValueOnce(undefined)
    expect((await selectSocketServer(OPTIONS)).description).toMatch(/^ws because uWebSockets\.js has no native binary for Node \d+/)
  })

  it('takes ws when the configuration says so', async () => {
    expect((await selectSocketServer(OPTIONS, 'ws')).description).toBe('ws because the configuration says so')
  })
})
