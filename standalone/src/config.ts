import { pushContact } from '@evegram/auth'
import { BLOB_SETTINGS } from '@evegram/blobs'
import { PUSH_SETTINGS, pushServicesOf } from '@evegram/engine'
import { flag, LOG_LEVELS, originList, originText, portNumber, printableConfig, readConfig, setting, type ConfigOf } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { domainOf } from '@evegram/protocol/proof'
import { z } from 'zod'
import { tonBridgeList, tonBridgesOf } from './ton-bridges.js'

const count = z.coerce.number({ error: 'a whole number' }).int('a whole number').positive('a positive number')

/** Words separated by commas. */
const list = z.string().transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))

/** Names of this machine, as settings write them. */
const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]', '::1']
/** Local chains hold play money: one elsewhere would be somebody's real one. */
const loopbackUrl = z.string().refine((text) => URL.canParse(text) && isLoopbackUrl(text), 'an http:// address of this machine: local chains hold play money')

/** Every setting of the standalone server; docs/operations.md prints this table. */
export const SETTINGS = {
  httpPort: setting('EVEGRAM_HTTP_PORT', portNumber.default(8080)),
  wsPort: setting('EVEGRAM_WS_PORT', portNumber.default(8081)),
  adminPort: setting('EVEGRAM_ADMIN_PORT', portNumber.default(8082)),
  host: setting('EVEGRAM_HOST', z.string().default('127.0.0.1')),
  dataDir: setting('EVEGRAM_DATA_DIR', z.string().default('.evegram')),
  domain: setting('EVEGRAM_DOMAIN', z.string().optional()),
  publicUrl: setting('EVEGRAM_PUBLIC_URL', originText.optional()),
  publicWsUrl: setting('EVEGRAM_PUBLIC_WS_URL', z.string().regex(/^wss?:\/\/[^/]+(\/[^?#]*)?$/, 'a ws:// or wss:// address').optional()),
  allowedOrigins: setting('EVEGRAM_ALLOWED_ORIGINS', originList.default([])),
  trustedProxies: setting('EVEGRAM_TRUSTED_PROXIES', list.default([])),
  operatorWallets: setting('EVEGRAM_OPERATOR_WALLETS', list.default([])),
  network: setting('EVEGRAM_NETWORK', z.enum(['mainnet', 'testnet'], { error: 'mainnet or testnet' }).default('mainnet')),
  sockets: setting('EVEGRAM_SOCKETS', z.enum(['auto', 'uws', 'ws'], { error: 'auto, uws or ws' }).default('auto')),
  connectionsMax: setting('EVEGRAM_CONNECTIONS_MAX', count.default(18_000)),
  /** Raised by load tests only: how many times the usual per-address and per-device rates are allowed. */
  rateFactor: setting('EVEGRAM_RATE_FACTOR', count.max(1_000_000, 'at most 1000000').default(1)),
  /** Folder of the built page, which is served at `/`; without it the start page is. */
  webDir: setting('EVEGRAM_WEB_DIR', z.string().optional()),
  /** Sites that may show the page in a frame. */
  frameAncestors: setting('EVEGRAM_FRAME_ANCESTORS', originList.default([])),
  /** Wallets of TON on other devices, which the page may reach over their bridges. */
  tonBridges: setting('EVEGRAM_TON_BRIDGES', tonBridgeList),
  ...BLOB_SETTINGS,
  ...PUSH_SETTINGS,
  pushContact: setting('EVEGRAM_PUSH_CONTACT', pushContact.optional()),
  wally: setting('EVEGRAM_WALLY', flag.default(true)),
  solana: setting('EVEGRAM_SOLANA', loopbackUrl.optional()),
  ton: setting('EVEGRAM_TON', loopbackUrl.optional()),
  terra: setting('EVEGRAM_TERRA', loopbackUrl.optional()),
  logLevel: setting('EVEGRAM_LOG_LEVEL', z.enum(LOG_LEVELS, { error: LOG_LEVELS.join(', ') }).default('warn')),
  logToFile: setting('EVEGRAM_LOG_TO_FILE', flag.default(true)),
  quiet: setting('EVEGRAM_QUIET', flag.default(false)),
} as const

/** The validated settings. */
export type StandaloneConfig = ConfigOf<typeof SETTINGS> & {
  /** Whether the server is for this machine alone: it listens on loopback and is known by no other name. */
  readonly isLocal: boolean
}

/** Reads the environment. Throws `invalid.config` that names every wrong variable. */
export function readStandaloneConfig(environment: Readonly<Record<string, string | undefined>>): StandaloneConfig {
  const config = readConfig(SETTINGS, environment)
  if (config.publicUrl !== undefined && !config.publicUrl.startsWith('https:') && !isLoopbackUrl(config.publicUrl)) {
    throw new EvegramError('invalid.config', { operation: 'read settings', advice: 'EVEGRAM_PUBLIC_URL must start with https:// beyond this machine.' })
  }
  const isLocal = LOOPBACK_NAMES.includes(config.host) && (config.publicUrl === undefined || isLoopbackUrl(config.publicUrl))
  pushServicesOf(config.pushServices, isLocal)
  tonBridgesOf(config.tonBridges, isLocal)
  return { ...config, isLocal }
}

/** The settings for a log line, secrets replaced. */
export function printableSettings(config: StandaloneConfig): Readonly<Record<string, unknown>> {
  return printableConfig(SETTINGS, config)
}

/** The names under which the server is known, once its ports are. */
export interface PublicNames {
  /** Domain that wallets sign for. */
  readonly domain: string
  /** `http(s)://host[:port]` of pages and API. */
  readonly origin: string
  /** Address of the socket tier. */
  readonly ws: string
}

/** Derives the public names from the configuration alone, never from a request. */
export function publicNames(config: StandaloneConfig, httpPort: number, wsPort: number): PublicNames {
  const origin = config.publicUrl ?? `http://localhost:${String(httpPort)}`
  const socketBase = config.publicUrl === undefined ? `ws://localhost:${String(wsPort)}` : `${config.publicUrl.replace(/^http/, 'ws')}`
  return { domain: config.domain ?? domainOf(origin), origin, ws: config.publicWsUrl ?? `${socketBase}/v1/socket` }
}

function isLoopbackUrl(url: string): boolean {
  return LOOPBACK_NAMES.includes(new URL(url).hostname)
}
