import { readFileSync } from 'node:fs'
import { settingsTable } from '@evegram/platform/testing'
import { describe, expect, it } from 'vitest'
import { printableWallySettings, readWallyProcessConfig, WALLY_PROCESS_SETTINGS } from './process-config.js'

const page = readFileSync(new URL('../../docs/wally-operations.md', import.meta.url), 'utf8')
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64url')
const needed = {
  EVEGRAM_PUBLIC_URL: 'https://chat.example', EVEGRAM_SERVICE_KEY: key(1), EVEGRAM_WALLY_SECRET: key(2), EVEGRAM_WALLY_CHAINS: '/etc/evegram/chains.json',
  EVEGRAM_POSTGRES: 'postgres://wally:hidden@db/wally',
}

describe('the settings of a process of the wallet bridge', () => {
  it('print no key and no password', () => {
    const printed = JSON.stringify(printableWallySettings(readWallyProcessConfig(needed)))
    for (const secret of [key(1), key(2), 'hidden']) expect(printed).not.toContain(secret)
  })

  it.each([
    ['EVEGRAM_PUBLIC_URL', 'http://chat.example'], ['EVEGRAM_WALLY_SECRET', 'short'], ['EVEGRAM_WALLY_CHAINS', ''], ['EVEGRAM_POSTGRES', 'mysql://db'], ['EVEGRAM_AUTH_URLS', 'auth'], ['EVEGRAM_WALLY_FOUR_EYES', 'perhaps'],
  ])('refuse %s=%s and name the variable', (variable, value) => {
    expect(() => readWallyProcessConfig({ ...needed, [variable]: value })).toThrowError(
      expect.objectContaining({ code: 'invalid.config', advice: expect.stringContaining(variable) as string }),
    )
  })

  it('are all in the table of docs/wally-operations.md with their defaults, and nothing else is', () => {
    const rows = settingsTable(page, 'wally')
    expect([...rows.keys()].sort()).toEqual(Object.values(WALLY_PROCESS_SETTINGS).map(({ variable }) => variable).sort())
    for (const { variable, schema } of Object.values(WALLY_PROCESS_SETTINGS)) {
      const unset = schema.safeParse(undefined)
      const value = unset.success ? unset.data as string | number | boolean | readonly string[] | undefined : 'needed'
      // Where there is no value the table says so in words.
      if (value !== undefined && String(value) !== '') expect(rows.get(variable), variable).toBe(String(value))
    }
  })
})
