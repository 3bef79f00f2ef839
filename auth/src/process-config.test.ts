import { readFileSync } from 'node:fs'
import { settingsTable } from '@evegram/platform/testing'
import { describe, expect, it } from 'vitest'
import { AUTH_PROCESS_SETTINGS, authConfigOf, printableAuthSettings, readAuthProcessConfig, socketUrlOf } from './process-config.js'

const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64url')
const needed = {
  EVEGRAM_PUBLIC_URL: 'https://chat.example', EVEGRAM_SERVICE_KEY: key(1), EVEGRAM_SERVICE_KEYS: `engine=${key(2)}`, EVEGRAM_SECRETS_KEY: key(3),
}

describe('the settings of an auth process', () => {
  it('derive the names of the server from the configuration alone', () => {
    const config = readAuthProcessConfig(needed)
    expect(authConfigOf(config)).toEqual({ domain: 'chat.example', origin: 'https://chat.example', network: 'mainnet', rateFactor: 1 })
    expect(socketUrlOf(config)).toBe('wss://chat.example/v1/socket')
    const apart = readAuthProcessConfig({ ...needed, EVEGRAM_DOMAIN: 'example', EVEGRAM_PUBLIC_WS_URL: 'wss://socket.example/s' })
    expect([authConfigOf(apart).domain, socketUrlOf(apart)]).toEqual(['example', 'wss://socket.example/s'])
  })

  it('print no key', () => {
    const printed = JSON.stringify(printableAuthSettings(readAuthProcessConfig(needed)))
    for (const secret of [key(1), key(3)]) expect(printed).not.toContain(secret)
  })

  it.each([
    ['EVEGRAM_PUBLIC_URL', 'http://chat.example'], ['EVEGRAM_PUBLIC_URL', ''], ['EVEGRAM_SECRETS_KEY', ''], ['EVEGRAM_SECRETS_KEY', 'short'], ['EVEGRAM_ENGINE_URLS', 'engine'], ['EVEGRAM_WALLY_URL', 'http://wally.example'],
    ['EVEGRAM_NETWORK', 'devnet'], ['EVEGRAM_HTTP_PORT', 'http'],
  ])('refuse %s=%s and name the variable', (variable, value) => {
    expect(() => readAuthProcessConfig({ ...needed, [variable]: value })).toThrowError(
      expect.objectContaining({ code: 'invalid.config', advice: expect.stringContaining(variable) as string }),
    )
  })

  it('are all in the table of docs/operations.md with their defaults, and nothing else is', () => {
    const rows = settingsTable(operations, 'auth')
    expect([...rows.keys()].sort()).toEqual(Object.values(AUTH_PROCESS_SETTINGS).map(({ variable }) => variable).sort())
    for (const { variable, schema } of Object.values(AUTH_PROCESS_SETTINGS)) {
      const unset = schema.safeParse(undefined)
      const value = unset.success ? unset.data as string | number | boolean | readonly string[] | undefined : 'needed'
      // Where there is no value the table says so in words.
      if (value !== undefined && String(value) !== '') expect(rows.get(variable), variable).toBe(String(value))
    }
  })
})
