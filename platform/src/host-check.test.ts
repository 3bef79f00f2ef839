import { describe, expect, it } from 'vitest'
import { addressKey, hostAllowed, isLoopbackAddress, originAllowed } from './host-check.js'

describe('hostAllowed', () => {
  it('takes loopback names with our port, in any case', () => {
    for (const host of ['localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'LOCALHOST:8080']) {
      expect(hostAllowed(host, { port: 8080 })).toBe(true)
    }
    expect(hostAllowed('localhost', { port: 80 })).toBe(true)
  })

  it('refuses every other name on a loopback socket', () => {
    const hosts = [
      undefined, '', 'evil.example:8080', 'localhost', 'localhost:8081', 'localhost.evil.example:8080', '127.0.0.1.evil.example:8080',
      '0.0.0.0:8080',
      'localhost:8080@evil.example', 'user@localhost:8080', 'localhost:8080/', '[::ffff:127.0.0.1]:8080', '127.1:8080', 'localhost.:8080',
      'localhost:08080 ',
    ]
    for (const host of hosts) expect([host, hostAllowed(host, { port: 8080 })]).toEqual([host, false])
  })

  it('takes the configured public URL, with or without the port that its scheme implies', () => {
    const rules = { port: 8080, publicUrl: 'https://chat.example' }
    expect(hostAllowed('chat.example', rules)).toBe(true)
    expect(hostAllowed('chat.example:443', rules)).toBe(true)
    expect(hostAllowed('chat.example:8443', rules)).toBe(false)
    expect(hostAllowed('chat.example', { port: 8080, publicUrl: 'https://chat.example:8443' })).toBe(false)
    expect(hostAllowed('evil.example', rules)).toBe(false)
  })
})

describe('originAllowed', () => {
  it('takes absent, listed and own origins, and refuses null, prefixes and suffixes', () => {
    const list = ['https://app.example']
    expect(originAllowed(undefined, list)).toBe(true)
    expect(originAllowed('https://app.example', list)).toBe(true)
    expect(originAllowed('http://localhost:8080', [], 'localhost:8080')).toBe(true)
    for (const origin of [
      'null', 'https://app.example.evil.example', 'http://app.example', 'https://app.example:8443', 'https://APP.example', '',
    ]) {
      expect([origin, originAllowed(origin, list, 'localhost:8080')]).toEqual([origin, false])
    }
  })
})

describe('addressKey', () => {
  it('counts IPv4 by address and IPv6 by its /64', () => {
    expect(addressKey('203.0.113.9')).toBe('203.0.113.9')
    expect(addressKey('::ffff:203.0.113.9')).toBe('203.0.113.9')
    expect(addressKey('2001:db8:1:2:aaaa::1')).toBe('2001:db8:1:2::/64')
    expect(addressKey('2001:db8:1:2:bbbb:1:2:3')).toBe('2001:db8:1:2::/64')
    expect(addressKey('2001:db8::1')).toBe('2001:db8:0:0::/64')
    expect(addressKey('fe80::1%eth0')).toBe('fe80:0:0:0::/64')
  })

  it('knows this machine', () => {
    for (const address of ['127.0.0.1', '127.8.0.1', '::1', '::ffff:127.0.0.1']) expect(isLoopbackAddress(address)).toBe(true)
    for (const address of ['128.0.0.1', '::2', '10.0.0.1']) expect(isLoopbackAddress(address)).toBe(false)
  })
})
