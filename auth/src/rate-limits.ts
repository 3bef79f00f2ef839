import { EvegramError, type Clock } from '@evegram/protocol'
import { addressKey, isLoopbackAddress, type Counter, type Metrics } from '@evegram/platform'
import { LocalRateBuckets } from './local-rate-buckets.js'
import type { RateBuckets, RateRule } from './ports/rate-buckets.js'

/**
 * Kinds of requests that are limited per remote address, with burst and the time for one more. Loopback gets {@link LOOPBACK_FACTOR}
 * times as much.
 */
export const ADDRESS_RATES = {
  /** Reads and challenges: a look-up or one HMAC each. */
  reads: { burst: 600, refillMs: 50 },
  /** Appends: up to four signatures each, before anybody is known. */
  proofs: { burst: 120, refillMs: 500 },
  /** Opening and refreshing sessions: two or three signatures each. */
  sessions: { burst: 300, refillMs: 100 },
} as const

/** Requests of one signed-in device: burst, and the time for one more. */
export const DEVICE_RATE = { burst: 300, refillMs: 100 } as const
/** This machine is trusted with more, or many local clients and tests would share one small bucket. */
export const LOOPBACK_FACTOR = 50
/** Addresses (or devices) remembered per kind. */
export const RATE_KEYS_MAX = 100_000

/** Kind of a rate. */
export type AddressRate = keyof typeof ADDRESS_RATES

/** Limits per remote address and per device. */
export class RateLimits {
  readonly #buckets: RateBuckets
  readonly #addresses: Readonly<Record<AddressRate, { readonly remote: RateRule; readonly loopback: RateRule }>>
  readonly #devices: RateRule
  readonly #refused: Counter

  /** `factor` multiplies every rate and burst. `buckets`: of this process, unless they are shared. */
  constructor(options: { readonly clock: Clock; readonly metrics: Metrics; readonly factor: number; readonly buckets?: RateBuckets }) {
    this.#buckets = options.buckets ?? new LocalRateBuckets(options.clock)
    const rule = (name: string, rate: { readonly burst: number; readonly refillMs: number }, factor: number): RateRule =>
      ({ name, capacity: rate.burst * factor, refillMs: rate.refillMs / factor, keysMax: RATE_KEYS_MAX })
    const both = (rate: AddressRate) => ({
      remote: rule(`address.${rate}`, ADDRESS_RATES[rate], options.factor),
      loopback: rule(`loopback.${rate}`, ADDRESS_RATES[rate], options.factor * LOOPBACK_FACTOR),
    })
    this.#addresses = { reads: both('reads'), proofs: both('proofs'), sessions: both('sessions') }
    this.#devices = rule('device', DEVICE_RATE, options.factor)
    this.#refused = options.metrics.counter({
      name: 'auth_rate_limited_total', help: 'Requests refused by a rate limit of auth', labels: ['rate'],
    })
  }

  /** Takes one request of `address` (a socket address). Rejects `limited.rate`. */
  async takeForAddress(rate: AddressRate, address: string): Promise<void> {
    await this.#take(this.#addresses[rate][isLoopbackAddress(address) ? 'loopback' : 'remote'], rate, addressKey(address))
  }

  /** Takes one request of a signed-in device. Rejects `limited.rate`. */
  async takeForDevice(device: string): Promise<void> {
    await this.#take(this.#devices, 'device', device)
  }

  async #take(rule: RateRule, rate: string, key: string): Promise<void> {
    const result = await this.#buckets.take(rule, key)
    if (result.status === 'taken') return
    this.#refused.add(1, { rate })
    throw new EvegramError('limited.rate', { operation: `limit ${rate}`, retryAfterMs: result.retryAfterMs })
  }
}
