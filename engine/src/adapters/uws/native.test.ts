import { isEvegramError } from '@evegram/protocol'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { selectSocketServer } from '../select-socket-server.js'
import { findUwsBinary, isUwsMapped } from './native.js'

// Its own file: in a process that once mapped the binary the imitation can no longer be told apart.
describe('the imitation of uWebSockets.js inside the npm package', () => {
  beforeAll(() => {
    vi.stubEnv('UWS_USE_FALLBACK', '1')
  })
  afterAll(() => {
    vi.unstubAllEnvs()
  })

  it.runIf(findUwsBinary() !== undefined)('is refused, though it loads and has an App', async () => {
    const failure: unknown = await selectSocketServer({
      host: '127.0.0.1', port: 0, messageBytesMax: 1_000, outboundBytesMax: 1_000, idleTimeoutMs: 1_000, connectionsMax: 1,
      allowedHosts: [], allowedOrigins: [],
    }).catch((error: unknown) => error)
    expect(isUwsMapped()).toBe(false)
    expect(isEvegramError(failure, 'invalid.config')).toBe(true)
    expect(String(failure)).toMatch(/imitation/)
  })
})
