import { describe, expect, it } from 'vitest'
import { CLUSTER_SETTINGS, cassandraConfigOf, internalUrls, requireSecureUrl } from './cluster-settings.js'
import { printableConfig, readConfig } from './config.js'

const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64url')
const needed = { EVEGRAM_SERVICE_KEY: key(1), EVEGRAM_SERVICE_KEYS: `auth=${key(2)}, engine=${key(3)}` }

describe('settings of a service in a cluster', () => {
  it('have defaults for a development machine, keys aside', () => {
    const config = readConfig(CLUSTER_SETTINGS, needed)
    expect(cassandraConfigOf(config)).toEqual({
      contactPoints: ['127.0.0.1:9042'], localDataCenter: 'datacenter1', keyspace: 'evegram', replication: { class: 'SimpleStrategy', factor: 1 },
      consistency: 'LOCAL_QUORUM', inFlightMax: 256,
    })
    expect([...config.serviceKeys].map(([name, bytes]) => [name, bytes[0]])).toEqual([['auth', 2], ['engine', 3]])
    expect(config).toMatchObject({ nats: ['nats://127.0.0.1:4222'], redis: 'redis://127.0.0.1:6379', internalHost: '127.0.0.1', logLevel: 'info' })
  })

  it('read a production cluster', () => {
    const config = readConfig(CLUSTER_SETTINGS, {
      ...needed, EVEGRAM_CASSANDRA: 'c1:9042, c2:9042', EVEGRAM_CASSANDRA_REPLICATION: 'dc1:3,dc2:3', EVEGRAM_CASSANDRA_DC: 'dc1',
      EVEGRAM_CASSANDRA_USER: 'evegram', EVEGRAM_CASSANDRA_PASSWORD: 'open sesame',
    })
    expect(cassandraConfigOf(config)).toMatchObject({
      contactPoints: ['c1:9042', 'c2:9042'], replication: { class: 'NetworkTopologyStrategy', factors: { dc1: 3, dc2: 3 } }, username: 'evegram', password: 'open sesame',
    })
  })

  it('print nothing that opens a door', () => {
    const env = { ...needed, EVEGRAM_CASSANDRA_PASSWORD: 'p-cassandra', EVEGRAM_NATS: 'nats://u:p-nats@h:1', EVEGRAM_REDIS: 'redis://u:p-redis@h:1' }
    const printed = JSON.stringify(printableConfig(CLUSTER_SETTINGS, readConfig(CLUSTER_SETTINGS, env)))
    for (const secret of ['p-cassandra', 'p-nats', 'p-redis', key(1)]) expect(printed).not.toContain(secret)
    expect(printed).toContain('EVEGRAM_CASSANDRA_KEYSPACE')
  })

  it.each([
    ['EVEGRAM_SERVICE_KEY', 'short'], ['EVEGRAM_SERVICE_KEY', `${key(1)}A`], ['EVEGRAM_SERVICE_KEYS', 'auth'], ['EVEGRAM_SERVICE_KEYS', `auth=${key(1)},=${key(2)}`],
    ['EVEGRAM_CASSANDRA_CONSISTENCY', 'ANY'], ['EVEGRAM_CASSANDRA_IN_FLIGHT', '0'], ['EVEGRAM_INTERNAL_URL', 'auth:1'], ['EVEGRAM_LOG_LEVEL', 'loud'],
  ])('refuse %s=%s and name the variable', (variable, value) => {
    expect(() => readConfig(CLUSTER_SETTINGS, { ...needed, [variable]: value })).toThrowError(new RegExp(variable))
  })

  it('refuse a keyspace, contact point or replication that cannot be', () => {
    for (const env of [{ EVEGRAM_CASSANDRA_KEYSPACE: 'Drop; --' }, { EVEGRAM_CASSANDRA: 'nowhere' }, { EVEGRAM_CASSANDRA_REPLICATION: 'many' }, { EVEGRAM_CASSANDRA_USER: 'alone' }]) {
      expect(() => cassandraConfigOf(readConfig(CLUSTER_SETTINGS, { ...needed, ...env })), JSON.stringify(env)).toThrowError('invalid.config')
    }
  })

  it('want addresses of other services, and https beyond this machine', () => {
    expect(internalUrls.safeParse('http://a:1, http://b:2').data).toEqual(['http://a:1', 'http://b:2'])
    for (const text of ['', 'a:1', 'http://a:1/path']) expect(internalUrls.safeParse(text).success, text).toBe(false)
    expect(() => { requireSecureUrl('EVEGRAM_PUBLIC_URL', 'http://chat.example') }).toThrowError(/EVEGRAM_PUBLIC_URL/)
    expect(() => { requireSecureUrl('EVEGRAM_PUBLIC_URL', 'http://localhost:1') }).not.toThrow()
  })
})
