import {
  internalUrls, keyText, listenerSettings, LOG_LEVELS, originList, originText, portNumber, printableConfig, readConfig, requireSecureUrl, setting, wordList, flag,
  type ConfigOf,
} from '@evegram/platform'
import { z } from 'zod'

/** Every setting of the wallet bridge as a process of its own; docs/operations.md prints this table. */
export const WALLY_PROCESS_SETTINGS = {
  publicUrl: setting('EVEGRAM_PUBLIC_URL', originText),
  host: setting('EVEGRAM_HOST', z.string().default('127.0.0.1')),
  httpPort: setting('EVEGRAM_HTTP_PORT', portNumber.default(8_094)),
  allowedOrigins: setting('EVEGRAM_ALLOWED_ORIGINS', originList.default([])),
  trustedProxies: setting('EVEGRAM_TRUSTED_PROXIES', wordList.default([])),
  chains: setting('EVEGRAM_WALLY_CHAINS', z.string({ error: 'the path of a file' })),
  secret: setting('EVEGRAM_WALLY_SECRET', keyText, { secret: true }),
  decisionsNeedTwo: setting('EVEGRAM_WALLY_FOUR_EYES', flag.default(true)),
  // Both may hold a password.
  postgres: setting('EVEGRAM_POSTGRES', z.string({ error: 'a postgres:// address' }).regex(/^postgres(?:ql)?:\/\//, 'a postgres:// address'), { secret: true }),
  nats: setting('EVEGRAM_NATS', wordList.default(['nats://127.0.0.1:4222']), { secret: true }),
  prefix: setting('EVEGRAM_PREFIX', z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, 'up to 32 letters, digits, _ and -').optional()),
  authUrls: setting('EVEGRAM_AUTH_URLS', internalUrls.default(['http://127.0.0.1:8093'])),
  engineUrls: setting('EVEGRAM_ENGINE_URLS', internalUrls.default(['http://127.0.0.1:8083'])),
  serviceKey: setting('EVEGRAM_SERVICE_KEY', keyText, { secret: true }),
  adminPort: listenerSettings({ admin: 8_095, internal: 8_096 }).adminPort,
  logLevel: setting('EVEGRAM_LOG_LEVEL', z.enum(LOG_LEVELS, { error: LOG_LEVELS.join(', ') }).default('info')),
} as const

/** The validated settings of a process of the wallet bridge. */
export type WallyProcessConfig = ConfigOf<typeof WALLY_PROCESS_SETTINGS>

/** Reads the environment. Throws `invalid.config` that names every wrong variable. */
export function readWallyProcessConfig(environment: Readonly<Record<string, string | undefined>>): WallyProcessConfig {
  const config = readConfig(WALLY_PROCESS_SETTINGS, environment)
  requireSecureUrl('EVEGRAM_PUBLIC_URL', config.publicUrl)
  return config
}

/** The settings for a log line, secrets replaced. */
export function printableWallySettings(config: WallyProcessConfig): Readonly<Record<string, unknown>> {
  return printableConfig(WALLY_PROCESS_SETTINGS, config)
}
