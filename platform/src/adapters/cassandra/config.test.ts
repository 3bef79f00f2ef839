import { describe, expect, it } from 'vitest'
import { checkCassandraConfig, parseReplication, replicationCql, type CassandraConfig } from './config.js'

const config: CassandraConfig = {
  contactPoints: ['127.0.0.1:9042', 'cassandra-2.local:9042'], localDataCenter: 'datacenter1', keyspace: 'evegram', consistency: 'LOCAL_QUORUM',
  replication: { class: 'SimpleStrategy', factor: 1 }, inFlightMax: 256,
}

describe('checkCassandraConfig', () => {
  it('takes what can be meant', () => {
    expect(() => { checkCassandraConfig(config) }).not.toThrow()
    expect(() => { checkCassandraConfig({ ...config, username: 'u', password: 'p', replication: { class: 'NetworkTopologyStrategy', factors: { datacenter1: 3 } } }) }).not.toThrow()
  })

  const bad: readonly (readonly [string, Partial<CassandraConfig>])[] = [
    ['contactPoints', { contactPoints: [] }], ['contactPoints', { contactPoints: ['127.0.0.1'] }], ['contactPoints', { contactPoints: ['host:0'] }],
    ['contactPoints', { contactPoints: ['host:70000'] }], ['localDataCenter', { localDataCenter: "dc' AND" }],
    ['keyspace', { keyspace: 'Evegram' }], ['keyspace', { keyspace: '1x' }], ['keyspace', { keyspace: 'a; DROP' }], ['keyspace', { keyspace: `a${'b'.repeat(48)}` }],
    ['inFlightMax', { inFlightMax: 0 }], ['inFlightMax', { inFlightMax: 1.5 }], ['inFlightMax', { inFlightMax: 100_000 }],
    ['password', { username: 'u' }], ['replication', { replication: { class: 'SimpleStrategy', factor: 0 } }],
    ['replication', { replication: { class: 'NetworkTopologyStrategy', factors: {} } }],
    ['replication', { replication: { class: 'NetworkTopologyStrategy', factors: { "dc': 1": 3 } } }],
  ]
  it.each(bad)('names %s when it cannot be meant: %j', (setting, wrong) => {
    expect(() => { checkCassandraConfig({ ...config, ...wrong }) }).toThrow(expect.objectContaining({ code: 'invalid.config', details: { setting } }))
  })
})

describe('parseReplication', () => {
  it('reads a number or data centers with their factors', () => {
    expect(replicationCql(parseReplication('1'))).toBe("{'class': 'SimpleStrategy', 'replication_factor': 1}")
    expect(replicationCql(parseReplication('datacenter1:3, dc-2:2'))).toBe("{'class': 'NetworkTopologyStrategy', 'datacenter1': 3, 'dc-2': 2}")
  })

  it.each(['', 'x', 'dc:', ':3', 'dc:3:3', "dc':3", 'dc:three', '-1'])('refuses %j', (text) => {
    expect(() => parseReplication(text)).toThrow(expect.objectContaining({ code: 'invalid.config' }))
  })
})
