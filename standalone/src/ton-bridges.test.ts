import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { readStandaloneConfig } from './config.js'
import { pagePolicy } from './page-routes.js'
import { tonBridgesOf } from './ton-bridges.js'

const OURS = 'Lantern https://bridge.lantern.example/bridge/ https://lantern.example/ton-connect'
const bridgesOf = (text?: string): ReturnType<typeof tonBridgesOf> => {
  const { tonBridges, isLocal } = readStandaloneConfig(text === undefined ? {} : { EVEGRAM_TON_BRIDGES: text })
  return tonBridgesOf(tonBridges, isLocal)
}

describe('bridges of TON wallets', () => {
  it('are those of two well-known wallets, those of the setting, or none', () => {
    expect(bridgesOf().map(({ name }) => name)).toEqual(['Tonkeeper', 'MyTonWallet'])
    expect(bridgesOf(`${OURS}, Two Words https://two.example https://two.example/open`)).toEqual([
      { name: 'Lantern', bridgeUrl: 'https://bridge.lantern.example/bridge', universalUrl: 'https://lantern.example/ton-connect' },
      { name: 'Two Words', bridgeUrl: 'https://two.example', universalUrl: 'https://two.example/open' },
    ])
    expect(bridgesOf('none')).toEqual([])
  })

  it('stand in the policy by the two addresses that a page asks, and nothing else of them', () => {
    const policy = (bridges: ReturnType<typeof tonBridgesOf>): string => pagePolicy({ ws: 'wss://chat.example/v1/socket', frameAncestors: [], tonBridges: bridges })
    expect(policy(bridgesOf(OURS))).toContain("connect-src 'self' wss://chat.example https://bridge.lantern.example/bridge/events https://bridge.lantern.example/bridge/message;")
    expect(policy([])).toContain("connect-src 'self' wss://chat.example;")
  })

  it.each([
    ['no link', 'Lantern https://bridge.lantern.example/bridge'], ['no name', 'https://bridge.lantern.example https://lantern.example'], ['plain text', 'Lantern http://bridge.lantern.example https://lantern.example'],
    ['a source more', "Lantern https://bridge.lantern.example;script-src https://lantern.example"], ['any host', 'Lantern https://* https://lantern.example'], ['a query', 'Lantern https://bridge.lantern.example https://t.me/lantern?attach=wallet'],
    ['a user', 'Lantern https://me@bridge.lantern.example https://lantern.example'], ['too many', Array.from({ length: 17 }, () => OURS).join(',')],
  ])('are refused with %s', (_, text) => {
    expect(() => bridgesOf(text)).toThrow(expect.toSatisfy((error: unknown) => isEvegramError(error, 'invalid.config')) as Error)
  })

  it('are on this machine only in tests of a server that is', () => {
    const text = 'Lantern http://127.0.0.1:4000/bridge https://lantern.example'
    expect(bridgesOf(text)).toHaveLength(1)
    expect(() => readStandaloneConfig({ EVEGRAM_TON_BRIDGES: text, EVEGRAM_PUBLIC_URL: 'https://chat.example' })).toThrow(expect.toSatisfy((error: unknown) => isEvegramError(error, 'invalid.config')) as Error)
  })
})
