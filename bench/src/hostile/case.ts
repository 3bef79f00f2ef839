import type { Attempt } from '../attempt.js'
import type { RawDevice, RawEnrolment } from '../raw/raw-device.js'
import type { RawHttp } from '../raw/raw-http.js'
import type { ServerAddresses } from '../server-process.js'
import type { AccountState } from '@evegram/protocol'
import type { Chain } from '@evegram/protocol/proof'

/** A device with the state of its account, so that more entries can follow. */
export interface EnrolledDevice {
  readonly device: RawDevice
  readonly state: AccountState
}

/** What cases work with. */
export interface HostileContext {
  readonly enrolment: RawEnrolment
  readonly addresses: ServerAddresses
  readonly http: RawHttp
  readonly httpPort: number
  readonly wsPort: number
  /** `localhost:<port>`: what wallets sign for. */
  readonly domain: string
  readonly origin: string
  /** A fresh account with one device and a session. */
  newDevice(chain?: Chain): Promise<EnrolledDevice>
  /** A counter of the server's `/metrics`, labels summed. */
  metric(name: string): Promise<number>
}

/** An attack and what must come of it. */
export interface HostileCase {
  readonly name: string
  readonly claim: string
  /** Starts what takes long before the other cases run; `run` then waits for it. */
  readonly prepare?: (context: HostileContext) => void
  readonly run: (context: HostileContext) => Promise<readonly Attempt[]>
}
