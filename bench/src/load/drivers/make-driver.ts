import type { DriverName } from './driver-names.js'
import type { Driver, DriverFacts } from './driver.js'
import { EVEGRAM_FACTS, EvegramDriver } from './evegram-driver.js'
import { RelayDriver } from './relay-driver.js'

/** Where a driver finds its system. */
export interface DriverSettings {
  readonly url: string
  readonly ws: string
  readonly worker: number
  readonly payloadBytes: number
}

/** What each driver says of its system. */
export const DRIVER_FACTS: Readonly<Record<DriverName, DriverFacts>> = {
  'evegram': EVEGRAM_FACTS,
  'raw-uws': {
    name: 'raw-uws', summary: 'a relay on uWebSockets.js that stores nothing and acknowledges nothing: what the runtime can do', acknowledges: 'nothing',
    kinds: ['direct', 'group', 'channel'],
  },
  'ws': {
    name: 'ws', summary: 'the same relay on plain ws: what most Node servers are made of', acknowledges: 'nothing', kinds: ['direct', 'group', 'channel'],
  },
}

/** The driver of one worker. */
export function makeDriver(name: DriverName, settings: DriverSettings): Driver {
  switch (name) {
    case 'evegram': return new EvegramDriver(settings)
    case 'raw-uws':
    case 'ws': return new RelayDriver(DRIVER_FACTS[name], settings)
    default: return name satisfies never
  }
}
