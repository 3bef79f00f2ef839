import { EvegramError, type Clock } from '@evegram/protocol'
import { addressKey, isLoopbackAddress, TokenBuckets, type Counter, type Metrics } from '@evegram/platform'

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

/** Token buckets per remote address and per device. */
export class RateLimits {
  readonly #addresses: Readonly<Record<AddressRate, { readonly remote: TokenBuckets; readonly loopback: TokenBuckets }>>
  readonly #devices: TokenBuckets
  readonly #refused: Counter

  /** `factor` multiplies every rate and burst. */
  constructor(options: { readonly clock: Clock; readonly metrics: Metrics; readonly factor: number }) {
    const buckets = (
      rate: { readonly burst: number; readonly refillMs: number }, factor: number,
    ): TokenBuckets => new TokenBuckets(options.clock, {
      capacity: rate.burst * factor, refillMs: rate.refillMs / factor, keysMax: RATE_KEYS_MAX,
    })
    const both = (rate: AddressRate) => ({
      remote: buckets(ADDRESS_RATES[rate], options.factor), loopback: buckets(ADDRESS_RATES[rate], options.factor * LOOPBACK_FACTOR),
    })
    this.#addresses = { reads: both('reads'), proofs: both('proofs'), sessions: both('sessions') }
    this.#devices = buckets(DEVICE_RATE, options.factor)
    this.#refused = options.metrics.counter({
      name: 'auth_rate_limited_total', help: 'Requests refused by a rate limit of auth', labels: ['rate'],
    })
  }

  /** Takes one request of `address` (a socket address). Throws `limited.rate`. */
  takeForAddress(rate: AddressRate, address: string): void {
    const buckets = this.#addresses[rate][isLoopbackAddress(address) ? 'loopback' : 'remote']
    this.#take(buckets, rate, addressKey(address))
  }

  /** Takes one request of a signed-in device. Throws `limited.rate`. */
  takeForDevice(device: string): void {
    this.#take(this.#devices, 'device', device)
  }

  #take(buckets: TokenBuckets, rate: string, key: string): void {
    const result = buckets.take(key)
    if (result.status === 'taken') return
    this.#refused.add(1, { rate })
    throw new EvegramError('limited.rate', { operation: `limit ${rate}`, retryAfterMs: result.retryAfterMs })
  }
}
