import { viewEnvelope } from '@evegram/protocol'
import { startDeviceLink, type Connection, type ConnectionEvent, type Link } from '@evegram/sdk/parts'
import { nodeSystem } from '@evegram/sdk/node'
import type { RawDevice, RawEnrolment } from '../raw/raw-device.js'
import { tokenSourceOf } from '../raw/raw-tokens.js'

/** A device with the real link of the SDK (its back-off, its patience), and nothing behind it but counts. */
export class StormClient {
  readonly device: RawDevice
  readonly #link: Link
  readonly #received = new Set<string>()
  /** A link that starts anew takes everything since the run began. */
  #cursorMs: number
  /** When it was last caught up, in ms of `performance.now`; undefined while it is not. */
  syncedAtMs: number | undefined
  connects = 0
  stopped: string | undefined

  constructor(device: RawDevice, enrolment: RawEnrolment, sinceMs: number) {
    this.device = device
    this.#cursorMs = sinceMs
    const { clock, random, sockets, serverClock } = nodeSystem()
    this.#link = startDeviceLink({
      server: enrolment.server, session: tokenSourceOf(device, enrolment.api), serverClock, sockets, clock, random, agent: 'bench-storm', cursorMs: () => this.#cursorMs,
      events: {
        onOpen: async (connection) => {
          this.connects++
          connection.catchUp({ sinceMs: this.#cursorMs })
        },
        consume: async (event, connection) => { this.#consume(event, connection) },
        onState: (state) => {
          if (state.status !== 'open') this.syncedAtMs = undefined
          if (state.status === 'stopped' && state.error.code !== 'client.closed') this.stopped = state.error.code
        },
      },
    })
  }

  get connection(): Connection | undefined {
    return this.#link.connection
  }

  /** Whether a message of `device` with this number arrived. */
  has(device: string, number: number): boolean {
    return this.#received.has(`${device}/${String(number)}`)
  }

  close(): Promise<void> {
    return this.#link.close()
  }

  #consume(event: ConnectionEvent, connection: Connection): void {
    switch (event.type) {
      case 'deliver':
        for (const { envelope } of event.deliveries) this.#receive(envelope)
        return
      case 'page':
        for (const { envelope } of event.page.deliveries) this.#receive(envelope)
        if (event.page.more && event.page.token !== undefined) connection.catchUp({ token: event.page.token })
        return
      case 'synced':
        this.#cursorMs = Math.max(this.#cursorMs, event.cursorMs)
        this.syncedAtMs ??= performance.now()
        return
      case 'notice': return
      // It follows no channel, and listens to no signals.
      case 'posted':
      case 'channel_head':
      case 'signalled': return
      default: event satisfies never
    }
  }

  #receive(envelope: Uint8Array): void {
    const { device, number } = viewEnvelope(envelope)
    this.#received.add(`${device}/${String(number)}`)
  }
}
