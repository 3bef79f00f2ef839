import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { DEFAULT_RATES, engineConfig, engineConfigFrom } from './config.js'

describe('engineConfigFrom', () => {
  it('needs the public address and has a default for everything else', () => {
    const config = engineConfigFrom({ EVEGRAM_PUBLIC_URL: 'https://chat.example' })
    expect(config).toMatchObject({ origin: 'https://chat.example', host: '127.0.0.1', port: 8_081, allowedOrigins: [], rates: DEFAULT_RATES })
  })

  it('reads lists and rates', () => {
    const config = engineConfigFrom({
      EVEGRAM_PUBLIC_URL: 'https://chat.example', EVEGRAM_ALLOWED_HOSTS: 'chat.example, localhost:8081', EVEGRAM_SENDS_PER_SECOND: '200',
    })
    expect(config.allowedHosts).toEqual(['chat.example', 'localhost:8081'])
    expect(config.rates.messages).toEqual({ perSecond: 200, burst: 2_000 })
  })

  it('names every wrong setting', () => {
    let failure: unknown
    try {
      engineConfigFrom({ EVEGRAM_PUBLIC_URL: 'https://chat.example/path', EVEGRAM_WS_PORT: 'many' })
    } catch (thrown) {
      failure = thrown
    }
    expect(isEvegramError(failure, 'invalid.config')).toBe(true)
    expect(String(failure)).toMatch(/EVEGRAM_PUBLIC_URL.*EVEGRAM_WS_PORT/)
  })

  it('refuses rates that allow nothing', () => {
    expect(() => engineConfig({ origin: 'https://chat.example', rates: { ...DEFAULT_RATES, messages: { perSecond: 0, burst: 1 } } })).toThrow('invalid.config')
  })
})
