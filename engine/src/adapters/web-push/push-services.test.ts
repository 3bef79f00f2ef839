import { describe, expect, it } from 'vitest'
import { isPublicAddress } from './public-address.js'
import { parsePushService, PUSH_SERVICES_DEFAULT, serviceOf, type PushService } from './push-services.js'

const services = PUSH_SERVICES_DEFAULT.split(',').map((entry): PushService => {
  const service = parsePushService(entry)
  if (service === undefined) throw new Error(entry)
  return service
})
const found = (endpoint: string): string | undefined => serviceOf(services, endpoint, 2_048)?.service.name

describe('the list of push services', () => {
  it('knows the endpoints that browsers give', () => {
    expect(found('https://fcm.googleapis.com/fcm/send/cX-y_z:APA91bE')).toBe('fcm.googleapis.com')
    expect(found('https://updates.push.services.mozilla.com/wpush/v2/gAAAAA')).toBe('updates.push.services.mozilla.com')
    expect(found('https://web.push.apple.com/QGuQyavXutnMH')).toBe('web.push.apple.com')
    expect(found('https://wns2-par02p.notify.windows.com/w/?token=BQYAAAC%2f')).toBe('*.notify.windows.com')
    expect(found('https://FCM.googleapis.com:443/fcm/send/a')).toBe('fcm.googleapis.com')
  })

  it.each([
    'http://fcm.googleapis.com/fcm/send/a', 'https://fcm.googleapis.com:8443/a', 'https://user@fcm.googleapis.com/a', 'https://user:word@fcm.googleapis.com/a', 'https://fcm.googleapis.com/a#b',
    'https://fcm.googleapis.com.evil.example/a', 'https://evilfcm.googleapis.com/a', 'https://evil.example/fcm.googleapis.com', 'https://evil.example?fcm.googleapis.com', 'https://evil.example\\@fcm.googleapis.com/a',
    'https://notify.windows.com/a', 'https://evilnotify.windows.com/a', 'https://fcm.googleapis.com./a', 'https://fcm%2egoogleapis.com.evil.example/',
    'https://127.0.0.1/a', 'https://[::1]/a', 'https://2130706433/a', 'https://0x7f.1/a', 'https://localhost/a', 'https://169.254.169.254/latest/meta-data', 'file:///etc/passwd', 'gopher://fcm.googleapis.com/',
    'https://fcm.googleapis.com/' + 'a'.repeat(2_048), '', 'https://', 'fcm.googleapis.com/a',
  ])('sends nothing to %s', (endpoint) => {
    expect(found(endpoint)).toBeUndefined()
  })

  it.each(['*.com', '*.localhost', '*', '', 'localhost', '127.0.0.1', '10.0.0.1', '*.0.0.1', '[::1]', 'https://push.example', 'push.example/path', 'push.example:8443', 'Push.example', '-a.example', 'a..example', 'http://10.0.0.1:80', 'http://127.0.0.1:80/x', 'http://evil.example', '*.*.example'])(
    'does not take %j as an entry', (entry) => {
      expect(parsePushService(entry)).toBeUndefined()
    })

  it('takes hosts, ends of hosts, and this machine for tests', () => {
    expect(parsePushService('push.example')).toEqual({ name: 'push.example', protocol: 'https:', host: 'push.example', subdomains: false })
    expect(parsePushService('*.push.example')).toEqual({ name: '*.push.example', protocol: 'https:', host: 'push.example', subdomains: true })
    expect(parsePushService('http://127.0.0.1:4711')).toEqual({ name: 'http://127.0.0.1:4711', protocol: 'http:', host: '127.0.0.1:4711', subdomains: false })
  })
})

describe('addresses', () => {
  it.each(['127.0.0.1', '10.1.2.3', '172.31.255.255', '192.168.0.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fc00::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '2001:db8::1', '2002:7f00:1::', '64:ff9b::7f00:1', 'localhost', ''])(
    'of other networks are not asked: %s', (address) => {
      expect(isPublicAddress(address)).toBe(false)
    })

  it.each(['142.250.74.10', '17.57.144.1', '172.32.0.1', '2a00:1450:4001::200a', '2620:149:208:4305::a'])('of the public internet are: %s', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })
})
