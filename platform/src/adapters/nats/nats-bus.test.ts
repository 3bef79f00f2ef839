import { randomBytes } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { isEvegramError, sleep, textOf, utf8 } from '@evegram/protocol'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { describeBus } from '../../bus.contract.js'
import { BUS_PACKET_BYTES_MAX, subjectOf } from '../../bus.js'
import { systemClock } from '../../clock.js'
import { silentLogger } from '../../log.js'
import { createMetrics } from '../../metrics.js'
import { serviceAddresses, TcpProxy } from '../../testing/index.js'
import { BUS_OFFER_PENDING_BYTES_MAX, BUS_PENDING_BYTES_MAX, BUS_STALL_MS, connectNats, type NatsBus, type NatsOptions } from './index.js'

const clock = systemClock()
const freshPrefix = (): string => `test_${randomBytes(6).toString('hex')}`
const connectTo = (servers: readonly string[], options: Partial<NatsOptions> = {}): Promise<NatsBus> =>
  connectNats({ servers, name: 'test', log: silentLogger, clock, ...options })
const refused = (code: Parameters<typeof isEvegramError>[1]): unknown => expect.toSatisfy((error) => isEvegramError(error, code))

describeBus('nats', async () => {
  const prefix = freshPrefix()
  return { connect: () => connectTo(serviceAddresses('nats'), { prefix }), close: async () => undefined }
})

describe('NatsBus', () => {
  const toClose: { close(): Promise<void> }[] = []
  const kept = <Part extends { close(): Promise<void> }>(part: Part): Part => {
    toClose.unshift(part)
    return part
  }
  afterEach(async () => {
    for (const part of toClose.splice(0)) await part.close()
  })
  const proxied = async (): Promise<{ proxy: TcpProxy; url: string }> => {
    const proxy = kept(await TcpProxy.to(serviceAddresses('nats')[0] ?? ''))
    return { proxy, url: `nats://${proxy.place}` }
  }

  it('refuses packets while no server answers, and hears again on the same subscriptions afterwards', async () => {
    const { proxy, url } = await proxied()
    const [prefix, metrics] = [freshPrefix(), createMetrics()]
    const node = kept(await connectTo([url], { prefix, metrics }))
    const peer = kept(await connectTo(serviceAddresses('nats'), { prefix }))
    const subject = subjectOf('node', 'a')
    const heard: string[] = []
    node.subscribe(subject, (bytes) => { heard.push(textOf(bytes)) })
    await node.flush()
    peer.publish(subject, utf8('before'))
    await vi.waitFor(() => { expect(heard).toEqual(['before']) }, 20_000)

    proxy.refuse()
    await vi.waitFor(() => { expect(node.status()).toEqual({ connected: false }) }, 20_000)
    expect(() => { node.publish(subject, utf8('into the outage')) }).toThrow(refused('unavailable.bus'))
    await expect(node.flush()).rejects.toThrow(refused('unavailable.bus'))
    // A subscription of the outage is made with the next connection.
    node.subscribe(subjectOf('node', 'b'), (bytes) => { heard.push(`b: ${textOf(bytes)}`) })
    peer.publish(subject, utf8('lost'))
    await peer.flush()

    proxy.heal()
    await vi.waitFor(() => { expect(node.status()).toEqual({ connected: true }) }, 10_000)
    await node.flush()
    peer.publish(subject, utf8('after'))
    peer.publish(subjectOf('node', 'b'), utf8('first'))
    node.publish(subject, utf8('own'))
    await vi.waitFor(() => { expect(heard).toHaveLength(4) }, 20_000)
    // Nothing late: neither what was refused here nor what a peer sent meanwhile.
    await sleep(clock, 100)
    expect([...heard].sort()).toEqual(['after', 'b: first', 'before', 'own'])
    const text = await metrics.text()
    expect(text).toContain('bus_connections_lost_total{reason="closed"} 1')
    expect(text).toContain('bus_reconnects_total 1')
    expect(text).toContain('bus_packets_refused_total{reason="disconnected"} 1')
  })

  // What is too slow is so every time; what a busy machine made late is not.
  it('gives up a server that stands still, and goes on with another one', { retry: 2 }, async () => {
    const { proxy, url } = await proxied()
    const second = kept(await TcpProxy.to(serviceAddresses('nats')[0] ?? ''))
    const metrics = createMetrics()
    second.refuse()
    const node = kept(await connectTo([url, `nats://${second.place}`], { prefix: freshPrefix(), metrics }))
    second.heal()
    let heard = 0
    node.subscribe(subjectOf('node'), () => { heard++ })
    await node.flush()
    proxy.freeze()
    const frozenMs = clock.monotonicMs()
    await expect(node.flush()).rejects.toThrow(refused('unavailable.bus'))
    expect(clock.monotonicMs() - frozenMs).toBeLessThan(BUS_STALL_MS + 1_500)
    await vi.waitFor(() => { expect(node.status()).toEqual({ connected: true }) }, 5_000)
    await node.flush()
    node.publish(subjectOf('node'), utf8('x'))
    await vi.waitFor(() => { expect(heard).toBe(1) }, 20_000)
    expect(await metrics.text()).toContain('bus_connections_lost_total{reason="stalled"} 1')
  })

  it('refuses what would wait beyond the bound, and takes packets again once the server has confirmed', async () => {
    const { proxy, url } = await proxied()
    const node = kept(await connectTo([url], { prefix: freshPrefix() }))
    proxy.freeze()
    const packet = new Uint8Array(BUS_PACKET_BYTES_MAX)
    const fill = (): void => { for (let sent = 0; sent <= BUS_PENDING_BYTES_MAX; sent += packet.length) node.publish(subjectOf('flood'), packet) }
    expect(fill).toThrow(refused('limited.queue'))
    proxy.heal()
    await node.flush()
    node.publish(subjectOf('flood'), packet)
    await node.flush()
  })

  it('sheds what is offered to a server that does not keep up, long before it refuses a packet, and counts it', async () => {
    const { proxy, url } = await proxied()
    const metrics = createMetrics()
    const node = kept(await connectTo([url], { prefix: freshPrefix(), metrics }))
    proxy.freeze()
    const packet = new Uint8Array(65_536)
    for (let sent = 0; sent < BUS_OFFER_PENDING_BYTES_MAX; sent += packet.length) {
      expect(node.offer(subjectOf('signal'), utf8('x'))).toBe('offered')
      node.publish(subjectOf('flood'), packet)
    }
    for (let again = 0; again < 3; again++) expect(node.offer(subjectOf('signal'), utf8('x'))).toBe('shed')
    node.publish(subjectOf('flood'), packet)
    proxy.heal()
    await node.flush()
    expect(node.offer(subjectOf('signal'), utf8('x'))).toBe('offered')
    expect(await metrics.text()).toContain('bus_offers_shed_total 3')
    proxy.refuse()
    await vi.waitFor(() => { expect(node.status()).toEqual({ connected: false }) }, 20_000)
    expect(node.offer(subjectOf('signal'), utf8('x'))).toBe('shed')
  })

  it('confirms by itself for a caller that never flushes', async () => {
    const node = kept(await connectTo(serviceAddresses('nats'), { prefix: freshPrefix() }))
    const packet = new Uint8Array(BUS_PACKET_BYTES_MAX)
    for (let sent = 0; sent < 3 * BUS_PENDING_BYTES_MAX; sent += packet.length) {
      node.publish(subjectOf('stream'), packet)
      await sleep(clock, 5)
    }
    expect(node.status()).toEqual({ connected: true })
  })

  it('waits for a server that comes later, and says in time that none came', async () => {
    const { proxy, url } = await proxied()
    proxy.refuse()
    await expect(connectTo([url], { waitMs: 300 })).rejects.toThrow(refused('unavailable.bus'))
    const late = connectTo([url], { waitMs: 10_000 })
    await sleep(clock, 300)
    proxy.heal()
    kept(await late)
  })

  it('refuses to start on a server that takes smaller packets than the bus promises', async () => {
    const server = createServer((socket) => {
      socket.write('INFO {"server_id":"x","version":"2.10.0","proto":1,"headers":true,"max_payload":65536}\r\n')
      socket.on('data', (bytes) => { if (String(bytes).includes('PING')) socket.write('PONG\r\n') })
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
    kept({ close: () => new Promise<void>((resolve) => { server.close(() => { resolve() }) }) })
    // A listening TCP server has such an address.
    const { port } = server.address() as AddressInfo
    await expect(connectTo([`nats://127.0.0.1:${String(port)}`])).rejects.toThrow(/max_payload of the NATS server to 1048576/)
  })

  it('refuses addresses that are none, without repeating them', async () => {
    await expect(connectTo(['http://user:geheim@host'])).rejects.toThrow(expect.toSatisfy(
      (error) => isEvegramError(error, 'invalid.config') && !error.message.includes('geheim'),
    ))
    await expect(connectTo([])).rejects.toThrow(refused('invalid.config'))
  })
})
