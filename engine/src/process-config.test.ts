import { readFileSync } from 'node:fs'
import { settingsTable } from '@evegram/platform/testing'
import { describe, expect, it } from 'vitest'
import { DEFAULT_RATES } from './config.js'
import { ENGINE_PROCESS_SETTINGS, engineConfigOf, printableEngineSettings, readEngineProcessConfig } from './process-config.js'

const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64url')
const needed = { EVEGRAM_PUBLIC_URL: 'https://chat.example', EVEGRAM_SERVICE_KEY: key(1), EVEGRAM_SERVICE_KEYS: `auth=${key(2)}` }

describe('the settings of an engine process', () => {
  it('serve the public names and this machine, at the usual rates', () => {
    const config = engineConfigOf(readEngineProcessConfig({ ...needed, EVEGRAM_PUBLIC_WS_URL: 'wss://socket.example/s', EVEGRAM_ALLOWED_HOSTS: 'node-1.example' }))
    expect(config.allowedHosts).toEqual(['node-1.example', 'chat.example', 'socket.example', 'localhost:8081', '127.0.0.1:8081', '[::1]:8081'])
    expect(config).toMatchObject({ origin: 'https://chat.example', allowedOrigins: ['https://chat.example'], rates: DEFAULT_RATES, hellosPerSecond: 2_000, drainSpreadMs: 5_000 })
  })

  it('scale every rate for load tests', () => {
    const config = engineConfigOf(readEngineProcessConfig({ ...needed, EVEGRAM_RATE_FACTOR: '10' }))
    expect(config.rates.messages).toEqual({ perSecond: 500, burst: 5_000 })
    expect(config.hellosPerSecond).toBe(20_000)
  })

  it('print no key', () => {
    expect(JSON.stringify(printableEngineSettings(readEngineProcessConfig(needed)))).not.toContain(key(1))
  })

  it.each([
    ['EVEGRAM_PUBLIC_URL', 'http://chat.example'], ['EVEGRAM_SERVICE_KEY', ''], ['EVEGRAM_SERVICE_KEYS', ''], ['EVEGRAM_AUTH_URLS', 'auth'], ['EVEGRAM_HELLOS_PER_SECOND', '0'],
    ['EVEGRAM_WS_PORT_SHARED', 'maybe'], ['EVEGRAM_RATE_FACTOR', '0'], ['EVEGRAM_INTERNAL_PORT', '-1'], ['EVEGRAM_PREFIX', 'a.b'],
  ])('refuse %s=%s and name the variable', (variable, value) => {
    expect(() => readEngineProcessConfig({ ...needed, [variable]: value })).toThrowError(
      expect.objectContaining({ code: 'invalid.config', advice: expect.stringContaining(variable) as string }),
    )
  })

  it('are all in the table of docs/operations.md with their defaults, and nothing else is', () => {
    const rows = settingsTable(operations, 'engine')
    expect([...rows.keys()].sort()).toEqual(Object.values(ENGINE_PROCESS_SETTINGS).map(({ variable }) => variable).sort())
    for (const { variable, schema } of Object.values(ENGINE_PROCESS_SETTINGS)) {
      const unset = schema.safeParse(undefined)
      const value = unset.success ? unset.data as string | number | boolean | readonly string[] | undefined : 'needed'
      // Where there is no value the table says so in words.
      if (value !== undefined && String(value) !== '') expect(rows.get(variable), variable).toBe(String(value))
    }
  })
})
