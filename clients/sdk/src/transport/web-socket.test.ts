import { afterAll, beforeAll, vi } from 'vitest'
import { WebSocket } from 'ws'
import { describeSockets } from './socket.contract.js'
import { webSockets } from './web-socket.js'

// Node 20 has no WebSocket of its own; the class of the ws package has the interface of the browsers' one.
beforeAll(() => { vi.stubGlobal('WebSocket', WebSocket) })
afterAll(() => { vi.unstubAllGlobals() })

describeSockets('WebSocket of the platform', { factory: webSockets, slowClose: true })
