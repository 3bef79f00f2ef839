import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { publicNames, readStandaloneConfig, SETTINGS } from './config.js'

const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')

describe('the settings of the standalone server', () => {
  it('stand on loopback with documented ports when nothing is set', () => {
    const config = readStandaloneConfig({})
    expect(config).toMatchObject({ httpPort: 8080, wsPort: 8081, adminPort: 8082, host: '127.0.0.1', allowedOrigins: [], network: 'mainnet', quiet: false })
    expect(publicNames(config, 8080, 8081)).toEqual({ domain: 'localhost:8080', origin: 'http://localhost:8080', ws: 'ws://localhost:8081/v1/socket' })
  })

  it.each([
    ['EVEGRAM_HTTP_PORT', '70000'], ['EVEGRAM_WS_PORT', 'http'], ['EVEGRAM_ADMIN_PORT', '-1'], ['EVEGRAM_PUBLIC_URL', 'chat.example'],
    ['EVEGRAM_PUBLIC_URL', 'https://chat.example/path'], ['EVEGRAM_PUBLIC_URL', 'http://chat.example'], ['EVEGRAM_PUBLIC_WS_URL', 'https://chat.example'],
    ['EVEGRAM_ALLOWED_ORIGINS', 'https://a.example,nonsense'], ['EVEGRAM_NETWORK', 'devnet'], ['EVEGRAM_SOCKETS', 'tcp'],
    ['EVEGRAM_CONNECTIONS_MAX', '0'], ['EVEGRAM_RATE_FACTOR', '1.5'], ['EVEGRAM_LOG_LEVEL', 'loud'], ['EVEGRAM_LOG_TO_FILE', 'perhaps'], ['EVEGRAM_QUIET', 'yes'],
    ['EVEGRAM_WALLY', 'maybe'], ['EVEGRAM_SOLANA', 'https://api.mainnet-beta.solana.com'], ['EVEGRAM_SOLANA', '127.0.0.1:8899'],
    ['EVEGRAM_TON', 'https://toncenter.com/api/v2/jsonRPC'], ['EVEGRAM_TERRA', 'http://192.168.1.2:1317'],
  ])('refuse %s=%s and name the variable, not the value', (variable, value) => {
    expect(() => readStandaloneConfig({ [variable]: value })).toThrowError(
      expect.objectContaining({ code: 'invalid.config', advice: expect.stringContaining(variable) as string }),
    )
  })

  it('name every wrong variable at once', () => {
    expect(() => readStandaloneConfig({ EVEGRAM_HTTP_PORT: 'x', EVEGRAM_SOCKETS: 'x' })).toThrowError(/EVEGRAM_HTTP_PORT.*EVEGRAM_SOCKETS/)
  })

  it('say whether the server is for its own machine alone', () => {
    for (const [environment, isLocal] of [
      [{}, true], [{ EVEGRAM_HOST: '::1' }, true], [{ EVEGRAM_PUBLIC_URL: 'http://localhost:9000' }, true],
      [{ EVEGRAM_HOST: '0.0.0.0' }, false], [{ EVEGRAM_PUBLIC_URL: 'https://chat.example' }, false],
    ] as const) expect(readStandaloneConfig(environment).isLocal, JSON.stringify(environment)).toBe(isLocal)
  })

  it('name push services by their hosts, and this machine only for a server of its own', () => {
    expect(readStandaloneConfig({ EVEGRAM_PUSH_SERVICES: 'push.example, *.push.example' }).pushServices).toEqual(['push.example', '*.push.example'])
    expect(readStandaloneConfig({ EVEGRAM_PUSH_SERVICES: 'http://127.0.0.1:4711' }).pushServices).toEqual(['http://127.0.0.1:4711'])
    for (const environment of [
      { EVEGRAM_PUSH_SERVICES: 'http://127.0.0.1:4711', EVEGRAM_PUBLIC_URL: 'https://chat.example' }, { EVEGRAM_PUSH_SERVICES: '10.0.0.1' }, { EVEGRAM_PUSH_SERVICES: 'localhost' }, { EVEGRAM_PUSH_SERVICES: 'http://10.0.0.1' },
      { EVEGRAM_PUSH_CONTACT: 'operator' }, { EVEGRAM_PUSH: 'maybe' },
    ]) expect(() => readStandaloneConfig(environment), JSON.stringify(environment)).toThrowError(expect.objectContaining({ code: 'invalid.config', advice: expect.stringContaining('EVEGRAM_PUSH') as string }))
  })

  it('derive the public names from the configuration alone', () => {
    const config = readStandaloneConfig({ EVEGRAM_PUBLIC_URL: 'https://chat.example' })
    expect(publicNames(config, 1, 2)).toEqual({ domain: 'chat.example', origin: 'https://chat.example', ws: 'wss://chat.example/v1/socket' })
    const apart = readStandaloneConfig({ EVEGRAM_PUBLIC_URL: 'https://chat.example', EVEGRAM_PUBLIC_WS_URL: 'wss://socket.example/s', EVEGRAM_DOMAIN: 'example' })
    expect(publicNames(apart, 1, 2)).toEqual({ domain: 'example', origin: 'https://chat.example', ws: 'wss://socket.example/s' })
  })

  it('are all in the table of docs/operations.md with their defaults, and nothing else is', () => {
    const table = operations.slice(operations.indexOf('<!-- settings:begin -->'), operations.indexOf('<!-- settings:end -->'))
    const rows = new Map([...table.matchAll(/^\| `(EVEGRAM_\w+)` \| ([^|]+) \| [^|]+ \|$/gm)].map(([, variable, value]) => [variable, value]))
    expect([...rows.keys()].sort()).toEqual(Object.values(SETTINGS).map(({ variable }) => variable).sort())
    const defaults: Readonly<Record<string, unknown>> = readStandaloneConfig({})
    for (const [name, { variable }] of Object.entries(SETTINGS)) {
      const value = defaults[name]
      // Where the value is derived or there is none, the table says so in words.
      if (value !== undefined && !(Array.isArray(value) && value.length === 0)) expect(rows.get(variable), variable).toBe(String(value as string | number | boolean))
    }
  })
})
