import type { LoadConfig } from '../config.js'
import { openCentrifugoWire } from './centrifugo-wire.js'
import type { DriverName, PeerName } from './driver-names.js'
import type { Driver, DriverFacts } from './driver.js'
import { EVEGRAM_FACTS, EvegramDriver } from './evegram-driver.js'
import { EvegramSdkDriver } from './evegram-sdk-driver.js'
import { openNatsWire } from './nats-wire.js'
import { PeerDriver } from './peer-driver.js'
import type { OpenWire } from './peer-wire.js'
import { openRelayWire } from './relay-wire.js'
import { openSocketIoWire } from './socket-io-wire.js'
import { TinodeDriver } from './tinode-driver.js'
import { openXmppWire } from './xmpp-wire.js'

/** Where a driver finds its system. */
export interface DriverSettings {
  readonly url: string
  readonly ws: string
  readonly worker: number
  readonly payloadBytes: number
  readonly payload: LoadConfig['payload']
}

const peer = (name: PeerName, acknowledges: DriverFacts['acknowledges'], summary: string): DriverFacts => ({ name, summary, acknowledges, kinds: ['direct', 'group', 'channel'] })

/** What each driver says of its system. */
export const DRIVER_FACTS: Readonly<Record<DriverName, DriverFacts>> = {
  'evegram': EVEGRAM_FACTS,
  'raw-uws': peer('raw-uws', 'nothing', 'a relay on uWebSockets.js that stores nothing and acknowledges nothing: what the runtime can do'),
  'ws': peer('ws', 'nothing', 'the same relay on plain ws: what most Node servers are made of'),
  'socket.io': peer('socket.io', 'nothing', 'Socket.IO on ws, at most once'),
  'socket.io-uws': peer('socket.io-uws', 'nothing', 'Socket.IO on uWebSockets.js, at most once'),
  'nats': peer('nats', 'nothing', 'the websocket listener of a NATS server, core NATS: at most once'),
  'ejabberd': peer('ejabberd', 'nothing', 'ejabberd over TCP with its archive on: every message is stored for both sides, and not acknowledged'),
  'ejabberd-no-archive': peer('ejabberd-no-archive', 'nothing', 'ejabberd over TCP without an archive: at most once'),
  'centrifugo': peer('centrifugo', 'memory', 'Centrifugo over its protobuf protocol; publishing is acknowledged from memory'),
  'centrifugo-history': peer('centrifugo-history', 'memory', 'the same with history and recovery, in memory'),
  'tinode': peer('tinode', 'durable', 'Tinode with PostgreSQL: every message is stored and acknowledged'),
}

/** How the clients of systems that take any name connect. */
const WIRES: Readonly<Record<Exclude<PeerName, 'tinode'>, OpenWire>> = {
  'raw-uws': openRelayWire, 'ws': openRelayWire, 'socket.io': openSocketIoWire, 'socket.io-uws': openSocketIoWire, 'nats': openNatsWire,
  'ejabberd': openXmppWire, 'ejabberd-no-archive': openXmppWire, 'centrifugo': openCentrifugoWire, 'centrifugo-history': openCentrifugoWire,
}

/** The driver of one worker. */
export function makeDriver(name: DriverName, settings: DriverSettings): Driver {
  if (name === 'evegram') return settings.payload === 'e2ee' ? new EvegramSdkDriver(settings) : new EvegramDriver(settings)
  if (name === 'tinode') return new TinodeDriver(DRIVER_FACTS.tinode, settings)
  return new PeerDriver(DRIVER_FACTS[name], settings, WIRES[name])
}
