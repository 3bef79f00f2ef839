import { describe, expect, it } from 'vitest'
import { upgradeRules } from './upgrade-rules.js'

const refusalOf = upgradeRules({
  allowedHosts: ['chat.example', 'Localhost:*', '127.0.0.1:8081'], allowedOrigins: ['https://chat.example'], connectionsMax: 3,
})
const status = (request: { path?: string; host?: string; origin?: string }, connections = 0): number | undefined =>
  refusalOf({ path: '/v1/socket', host: 'chat.example', origin: '', ...request }, connections)?.status

describe('upgradeRules', () => {
  it('serves the named hosts without regard to case, with any port only where that was said', () => {
    for (const host of ['chat.example', 'CHAT.example', 'localhost:1', 'LOCALHOST:65535', '127.0.0.1:8081']) expect(status({ host })).toBeUndefined()
    for (const host of [
      '', 'chat.example:443', 'chat.example.', 'evil.example', 'localhost', 'localhost:', 'localhost:x', 'localhost:*:1', '127.0.0.1:8080', 'a,chat.example',
    ]) expect(status({ host }), host).toBe(421)
  })

  it('serves the named origins exactly, and requests without one', () => {
    expect(status({ origin: 'https://chat.example' })).toBeUndefined()
    for (const origin of ['null', 'http://chat.example', 'https://chat.example:443', 'https://CHAT.example', 'https://evil.example']) {
      expect(status({ origin }), origin).toBe(403)
    }
  })

  it('serves one path and no more connections than there is room for', () => {
    for (const path of ['/', '/v1/socket/', '/v1/socket/x', '/V1/socket']) expect(status({ path }), path).toBe(404)
    expect(status({}, 2)).toBeUndefined()
    expect(status({}, 3)).toBe(503)
  })
})
