import { originList, originText, portNumber, readConfig, setting } from '@evegram/platform'
import { EvegramError, LIMITS } from '@evegram/protocol'
import { z } from 'zod'
import { HELLOS_PER_SECOND_DEFAULT } from './core/admission.js'
import type { DeviceRates, Rate } from './core/rate-limit.js'

export { HELLOS_PER_SECOND_DEFAULT }

/** Settings of an engine node. */
export interface EngineConfig {
  /** The origin that clients are configured with; every hello signs it. */
  readonly origin: string
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly connectionsMax: number
  readonly rates: DeviceRates
  /** Hellos that are taken per second; above it clients are told when to come back. */
  readonly hellosPerSecond: number
  /** Time over which clients are spread when the node drains. */
  readonly drainSpreadMs: number
}

/** Rates of one device that fit people and their programs; load tests raise them. */
export const DEFAULT_RATES: DeviceRates = {
  messages: { perSecond: 50, burst: 500 },
  bytes: { perSecond: 1_048_576, burst: 8_388_608 },
  requests: { perSecond: 20, burst: 200 },
  signals: { perSecond: 5, burst: 20 },
  patience: { perSecond: 5, burst: 200 },
}

/** Descriptors of one process end at 20,000 on common systems: what is left is for stores and files. */
const CONNECTIONS_DEFAULT = 16_384

/**
 * Keys of devices whose imported form an engine keeps, per curve. A hello needs its key once, and an imported key is 2 KB: only those that sign again and
 * again, the authors of groups and channels, are worth it.
 */
export const IMPORTED_KEYS_MAX = 256

const count = (fallback: number, max: number) => z.coerce.number({ error: 'a number' }).int('a whole number').min(1, 'at least 1').max(max, `at most ${max}`).default(fallback)
const names = z.string().default('').transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))

/** The environment variables of an engine that runs as a process of its own. */
export const ENGINE_SETTINGS = {
  origin: setting('EVEGRAM_PUBLIC_URL', originText),
  host: setting('EVEGRAM_HOST', z.string().default('127.0.0.1')),
  port: setting('EVEGRAM_WS_PORT', portNumber.default(8_081)),
  allowedHosts: setting('EVEGRAM_ALLOWED_HOSTS', names),
  allowedOrigins: setting('EVEGRAM_ALLOWED_ORIGINS', originList.default([])),
  connectionsMax: setting('EVEGRAM_CONNECTIONS_MAX', count(CONNECTIONS_DEFAULT, 1_000_000)),
  sendsPerSecond: setting('EVEGRAM_SENDS_PER_SECOND', count(DEFAULT_RATES.messages.perSecond, 1_000_000)),
  sendBytesPerSecond: setting('EVEGRAM_SEND_BYTES_PER_SECOND', count(DEFAULT_RATES.bytes.perSecond, 1_000_000_000)),
  hellosPerSecond: setting('EVEGRAM_HELLOS_PER_SECOND', count(HELLOS_PER_SECOND_DEFAULT, 1_000_000)),
  drainSpreadMs: setting('EVEGRAM_DRAIN_SPREAD_MS', count(5_000, 600_000)),
} as const

/** Reads the settings from `env`. Throws `invalid.config` that names what is wrong. */
export function engineConfigFrom(env: Readonly<Record<string, string | undefined>>): EngineConfig {
  const read = readConfig(ENGINE_SETTINGS, env)
  return engineConfig({
    ...read,
    rates: ratesOf(read.sendsPerSecond, read.sendBytesPerSecond),
  })
}

/** Rates for `messagesPerSecond` and `bytesPerSecond`, with bursts in the proportion of {@link DEFAULT_RATES}. */
export function ratesOf(messagesPerSecond: number, bytesPerSecond: number): DeviceRates {
  return {
    ...DEFAULT_RATES,
    messages: { perSecond: messagesPerSecond, burst: messagesPerSecond * 10 },
    bytes: { perSecond: bytesPerSecond, burst: Math.max(bytesPerSecond * 8, LIMITS.frameBytesMax) },
  }
}

/** Rates and bursts that are `factor` times as high, for load tests. */
export function scaledRates(rates: DeviceRates, factor: number): DeviceRates {
  const scaled = ({ perSecond, burst }: Rate): Rate => ({ perSecond: perSecond * factor, burst: burst * factor })
  return {
    messages: scaled(rates.messages), bytes: scaled(rates.bytes), requests: scaled(rates.requests), signals: scaled(rates.signals), patience: scaled(rates.patience),
  }
}

/** Settings with defaults for what is not given. Throws `invalid.config` when a rate is not positive. */
export function engineConfig(given: Pick<EngineConfig, 'origin'> & Partial<EngineConfig>): EngineConfig {
  const config: EngineConfig = {
    host: '127.0.0.1', port: 0, allowedHosts: [], allowedOrigins: [], connectionsMax: CONNECTIONS_DEFAULT, rates: DEFAULT_RATES,
    hellosPerSecond: HELLOS_PER_SECOND_DEFAULT, drainSpreadMs: 5_000, ...given,
  }
  for (const { perSecond, burst } of Object.values(config.rates) as DeviceRates[keyof DeviceRates][]) {
    if (!(perSecond > 0 && burst > 0)) throw new EvegramError('invalid.config', { operation: 'check rates' })
  }
  return config
}
