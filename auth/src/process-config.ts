import {
  CLUSTER_SETTINGS, flag, internalUrls, keyText, listenerSettings, originList, originText, portNumber, printableConfig, readConfig, requireSecureUrl, setting, wordList,
  type ConfigOf,
} from '@evegram/platform'
import { domainOf } from '@evegram/protocol/proof'
import { z } from 'zod'
import type { AuthConfig } from './config.js'
import { pushContact } from './push-contact.js'

const factor = z.coerce.number({ error: 'a whole number' }).int('a whole number').min(1, 'at least 1').max(1_000_000, 'at most 1000000')

/** Every setting of auth as a process of its own; docs/operations.md prints this table. */
export const AUTH_PROCESS_SETTINGS = {
  publicUrl: setting('EVEGRAM_PUBLIC_URL', originText),
  publicWsUrl: setting('EVEGRAM_PUBLIC_WS_URL', z.string().regex(/^wss?:\/\/[^/]+(\/[^?#]*)?$/, 'a ws:// or wss:// address').optional()),
  domain: setting('EVEGRAM_DOMAIN', z.string().optional()),
  host: setting('EVEGRAM_HOST', z.string().default('127.0.0.1')),
  httpPort: setting('EVEGRAM_HTTP_PORT', portNumber.default(8_080)),
  allowedOrigins: setting('EVEGRAM_ALLOWED_ORIGINS', originList.default([])),
  trustedProxies: setting('EVEGRAM_TRUSTED_PROXIES', wordList.default([])),
  network: setting('EVEGRAM_NETWORK', z.enum(['mainnet', 'testnet'], { error: 'mainnet or testnet' }).default('mainnet')),
  rateFactor: setting('EVEGRAM_RATE_FACTOR', factor.default(1)),
  secretsKey: setting('EVEGRAM_SECRETS_KEY', keyText, { secret: true }),
  wallyUrl: setting('EVEGRAM_WALLY_URL', originText.optional()),
  blobsUrl: setting('EVEGRAM_BLOBS_URL', originText.optional()),
  push: setting('EVEGRAM_PUSH', flag.default(true)),
  pushContact: setting('EVEGRAM_PUSH_CONTACT', pushContact.optional()),
  engineUrls: setting('EVEGRAM_ENGINE_URLS', internalUrls.default(['http://127.0.0.1:8083'])),
  ...CLUSTER_SETTINGS,
  ...listenerSettings({ admin: 8_092, internal: 8_093 }),
} as const

/** The validated settings of an auth process. */
export type AuthProcessConfig = ConfigOf<typeof AUTH_PROCESS_SETTINGS>

/** Reads the environment. Throws `invalid.config` that names every wrong variable. */
export function readAuthProcessConfig(environment: Readonly<Record<string, string | undefined>>): AuthProcessConfig {
  const config = readConfig(AUTH_PROCESS_SETTINGS, environment)
  requireSecureUrl('EVEGRAM_PUBLIC_URL', config.publicUrl)
  if (config.wallyUrl !== undefined) requireSecureUrl('EVEGRAM_WALLY_URL', config.wallyUrl)
  if (config.blobsUrl !== undefined) requireSecureUrl('EVEGRAM_BLOBS_URL', config.blobsUrl)
  return config
}

/** The settings for a log line, secrets replaced. */
export function printableAuthSettings(config: AuthProcessConfig): Readonly<Record<string, unknown>> {
  return printableConfig(AUTH_PROCESS_SETTINGS, config)
}

/** What auth itself needs of the settings: names derived from the configuration alone, never from a request. */
export function authConfigOf({ domain, publicUrl, network, rateFactor }: AuthProcessConfig): AuthConfig {
  return { domain: domain ?? domainOf(publicUrl), origin: publicUrl, network, rateFactor }
}

/** Address of the socket tier that discovery names. */
export function socketUrlOf({ publicUrl, publicWsUrl }: AuthProcessConfig): string {
  return publicWsUrl ?? `${publicUrl.replace(/^http/, 'ws')}/v1/socket`
}
