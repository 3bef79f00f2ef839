import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { flag, originList, portNumber, printableConfig, readConfig, setting } from './config.js'

const SETTINGS = {
  port: setting('APP_PORT', portNumber.default(8080)),
  secret: setting('APP_SECRET', z.string().min(8).optional(), { secret: true }),
  origins: setting('APP_ORIGINS', originList.default([])),
  verbose: setting('APP_VERBOSE', flag.default(false)),
}

describe('readConfig', () => {
  it('uses defaults for what is unset or empty and converts what is set', () => {
    expect(readConfig(SETTINGS, { APP_PORT: '', APP_VERBOSE: '1', APP_ORIGINS: 'https://a.example, http://localhost:3000' })).toEqual({
      port: 8080, secret: undefined, origins: ['https://a.example', 'http://localhost:3000'], verbose: true,
    })
  })

  it('names every wrong variable and never its value', () => {
    const wrong = { APP_PORT: '70000', APP_SECRET: 'hunter2', APP_ORIGINS: 'https://a.example/', APP_VERBOSE: 'maybe' }
    const failure = (() => {
      try {
        return readConfig(SETTINGS, wrong)
      } catch (error) {
        return error
      }
    })()
    expect(isEvegramError(failure, 'invalid.config')).toBe(true)
    const message = failure instanceof Error ? failure.message : ''
    for (const variable of Object.keys(wrong)) expect(message).toContain(variable)
    expect(message).not.toContain('hunter2')
  })

  it('prints settings by variable with secrets replaced', () => {
    const config = readConfig(SETTINGS, { APP_SECRET: 'correct horse' })
    expect(printableConfig(SETTINGS, config)).toEqual({ APP_PORT: 8080, APP_SECRET: '[redacted]', APP_ORIGINS: [], APP_VERBOSE: false })
  })
})
