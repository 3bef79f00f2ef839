import { isEvegramError } from '@evegram/protocol'
import { describe, expect, it } from 'vitest'
import { parseRedisUrl } from './index.js'

describe('parseRedisUrl', () => {
  it('reads one server, sentinels and a cluster', () => {
    const none = { group: undefined, database: 0, user: undefined, password: undefined, tls: false }
    expect(parseRedisUrl('redis://a.example')).toEqual({ ...none, kind: 'standalone', nodes: [{ host: 'a.example', port: 6379 }] })
    expect(parseRedisUrl('rediss://me:p%40ss@[::1]:7000/3')).toEqual({
      ...none, kind: 'standalone', nodes: [{ host: '::1', port: 7000 }], database: 3, user: 'me', password: 'p@ss', tls: true,
    })
    expect(parseRedisUrl('sentinel://:pw@a:1,b/main')).toEqual({
      ...none, kind: 'sentinel', nodes: [{ host: 'a', port: 1 }, { host: 'b', port: 26379 }], group: 'main', password: 'pw',
    })
    expect(parseRedisUrl('clusters://a:1,b:2,c:3')).toEqual({
      ...none, kind: 'cluster', nodes: [{ host: 'a', port: 1 }, { host: 'b', port: 2 }, { host: 'c', port: 3 }], tls: true,
    })
  })

  it('refuses anything else, without repeating what may be a password', () => {
    const wrong = [
      '', 'a:1', 'http://a', 'redis://', 'redis://a:1,b:2', 'redis://a/x', 'redis://a/-1', 'sentinel://a:1', 'cluster://a:1/0', 'redis://geheim@a', 'redis://:geheim%@a',
      'redis://a:b:c', 'redis://:geheim@a b',
    ]
    for (const url of wrong) {
      expect(() => parseRedisUrl(url), url).toThrow(expect.toSatisfy((error) => isEvegramError(error, 'invalid.config') && !error.message.includes('geheim')))
    }
  })
})
