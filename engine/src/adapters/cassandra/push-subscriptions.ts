import type { CassandraQueries } from '@evegram/platform/cassandra'
import { bytesOfHex, hexOf, LIMITS, parseAccountId, type Clock, type DeviceId } from '@evegram/protocol'
import type { PushSubscription, PushSubscriptions } from '../../ports/push-subscriptions.js'
import { DELETE_SUBSCRIPTION, DELETE_SUBSCRIPTIONS, PUT_SUBSCRIPTION, SELECT_SUBSCRIPTIONS } from './push.cql.js'

const TTL_S = Math.ceil(LIMITS.pushSubscriptionMs / 1_000)

/** Subscriptions over plain reads and writes at a quorum: of two that a device names at once the later one counts. */
export class CassandraPushSubscriptions implements PushSubscriptions {
  readonly #session: CassandraQueries
  readonly #clock: Clock

  constructor(session: CassandraQueries, clock: Clock) {
    this.#session = session
    this.#clock = clock
  }

  async put({ account, device, endpoint, renewedAtMs }: PushSubscription): Promise<void> {
    const id = bytesOfHex(device)
    const others = (await this.#session.read(SELECT_SUBSCRIPTIONS, [id])).map((row) => row.text('endpoint')).filter((standing) => standing !== endpoint)
    await this.#session.writeBatch([
      { cql: PUT_SUBSCRIPTION, values: [id, endpoint, bytesOfHex(account), BigInt(Math.floor(renewedAtMs)), TTL_S] },
      ...others.map((other) => ({ cql: DELETE_SUBSCRIPTION, values: [id, other] })),
    ])
  }

  async read(devices: readonly DeviceId[]): Promise<readonly PushSubscription[]> {
    return (await Promise.all(devices.map((device) => this.#newest(device)))).flat()
  }

  async remove(device: DeviceId, endpoint?: string): Promise<void> {
    if (endpoint === undefined) await this.#session.write(DELETE_SUBSCRIPTIONS, [bytesOfHex(device)])
    else await this.#session.write(DELETE_SUBSCRIPTION, [bytesOfHex(device), endpoint])
  }

  async #newest(device: DeviceId): Promise<readonly PushSubscription[]> {
    const endedMs = this.#clock.now() - LIMITS.pushSubscriptionMs
    let newest: PushSubscription | undefined
    for (const row of await this.#session.read(SELECT_SUBSCRIPTIONS, [bytesOfHex(device)])) {
      const subscription = { device, account: parseAccountId(hexOf(row.bytes('account'))), endpoint: row.text('endpoint'), renewedAtMs: Number(row.big('renewed_ms')) }
      if (subscription.renewedAtMs > endedMs && subscription.renewedAtMs >= (newest?.renewedAtMs ?? 0)) newest = subscription
    }
    return newest === undefined ? [] : [newest]
  }
}
