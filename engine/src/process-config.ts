import { CLUSTER_SETTINGS, flag, internalUrls, listenerSettings, printableConfig, readConfig, requireSecureUrl, setting, type ConfigOf } from '@evegram/platform'
import { z } from 'zod'
import { PUSH_SETTINGS, pushServicesOf } from './push-settings.js'
import { ENGINE_SETTINGS, engineConfig, ratesOf, scaledRates, type EngineConfig } from './config.js'

const factor = z.coerce.number({ error: 'a whole number' }).int('a whole number').min(1, 'at least 1').max(1_000_000, 'at most 1000000')

/** Every setting of an engine that runs as a process of its own; docs/operations.md prints this table. */
export const ENGINE_PROCESS_SETTINGS = {
  ...ENGINE_SETTINGS,
  ...CLUSTER_SETTINGS,
  ...listenerSettings({ admin: 8_082, internal: 8_083 }),
  publicWsUrl: setting('EVEGRAM_PUBLIC_WS_URL', z.string().regex(/^wss?:\/\/[^/]+(\/[^?#]*)?$/, 'a ws:// or wss:// address').optional()),
  sharesPort: setting('EVEGRAM_WS_PORT_SHARED', flag.default(true)),
  sockets: setting('EVEGRAM_SOCKETS', z.enum(['auto', 'uws', 'ws'], { error: 'auto, uws or ws' }).default('auto')),
  ...PUSH_SETTINGS,
  authUrls: setting('EVEGRAM_AUTH_URLS', internalUrls.default(['http://127.0.0.1:8093'])),
  rateFactor: setting('EVEGRAM_RATE_FACTOR', factor.default(1)),
} as const

/** The validated settings of an engine process. */
export type EngineProcessConfig = ConfigOf<typeof ENGINE_PROCESS_SETTINGS>

/** Reads the environment. Throws `invalid.config` that names every wrong variable. */
export function readEngineProcessConfig(environment: Readonly<Record<string, string | undefined>>): EngineProcessConfig {
  const config = readConfig(ENGINE_PROCESS_SETTINGS, environment)
  requireSecureUrl('EVEGRAM_PUBLIC_URL', config.origin)
  pushServicesOf(config.pushServices, isForThisMachine(config))
  return config
}

/** The settings for a log line, secrets replaced. */
export function printableEngineSettings(config: EngineProcessConfig): Readonly<Record<string, unknown>> {
  return printableConfig(ENGINE_PROCESS_SETTINGS, config)
}

/**
 * What the node itself needs of the settings. Served hosts are those that were named, the public ones, and this machine's; the public origin may open
 * sockets.
 */
export function engineConfigOf(config: EngineProcessConfig): EngineConfig {
  const { origin, host, port, publicWsUrl } = config
  const publicHosts = [origin, ...(publicWsUrl === undefined ? [] : [publicWsUrl])].map((url) => new URL(url).host)
  const loopbackHosts = ['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${port === 0 ? '*' : String(port)}`)
  return engineConfig({
    origin, host, port, connectionsMax: config.connectionsMax, drainSpreadMs: config.drainSpreadMs,
    // A factor for load tests: many clients on one machine say hello at once, too.
    hellosPerSecond: config.hellosPerSecond * config.rateFactor,
    rates: scaledRates(ratesOf(config.sendsPerSecond, config.sendBytesPerSecond), config.rateFactor),
    allowedHosts: [...new Set([...config.allowedHosts, ...publicHosts, ...loopbackHosts])],
    allowedOrigins: [...new Set([origin, ...config.allowedOrigins])],
  })
}

/** Whether the deployment is known by no other name than this machine's. */
export function isForThisMachine({ origin }: Pick<EngineProcessConfig, 'origin'>): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(origin).hostname)
}
