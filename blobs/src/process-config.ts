import {
  CLUSTER_SETTINGS, internalUrls, listenerSettings, originList, originText, portNumber, printableConfig, readConfig, requireSecureUrl, setting, wordList, type ConfigOf,
} from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { z } from 'zod'
import { BLOB_SETTINGS } from './config.js'

/** Every setting of the service of files as a process of its own; docs/operations.md prints this table. */
export const BLOBS_PROCESS_SETTINGS = {
  publicUrl: setting('EVEGRAM_PUBLIC_URL', originText),
  host: setting('EVEGRAM_HOST', z.string().default('127.0.0.1')),
  httpPort: setting('EVEGRAM_HTTP_PORT', portNumber.default(8_097)),
  allowedOrigins: setting('EVEGRAM_ALLOWED_ORIGINS', originList.default([])),
  trustedProxies: setting('EVEGRAM_TRUSTED_PROXIES', wordList.default([])),
  dir: setting('EVEGRAM_BLOBS_DIR', z.string().min(1).optional()),
  s3Url: setting('EVEGRAM_S3_URL', z.string().optional()),
  s3Region: setting('EVEGRAM_S3_REGION', z.string().regex(/^[a-z0-9-]{1,32}$/, 'the name of a region').default('us-east-1')),
  s3AccessKey: setting('EVEGRAM_S3_ACCESS_KEY', z.string().min(1).optional(), { secret: true }),
  s3SecretKey: setting('EVEGRAM_S3_SECRET_KEY', z.string().min(1).optional(), { secret: true }),
  ...BLOB_SETTINGS,
  redis: CLUSTER_SETTINGS.redis,
  prefix: CLUSTER_SETTINGS.prefix,
  authUrls: setting('EVEGRAM_AUTH_URLS', internalUrls.default(['http://127.0.0.1:8093'])),
  serviceKey: CLUSTER_SETTINGS.serviceKey,
  adminPort: listenerSettings({ admin: 8_098, internal: 8_099 }).adminPort,
  logLevel: CLUSTER_SETTINGS.logLevel,
} as const

/** The validated settings of a process of the service of files. */
export type BlobsProcessConfig = ConfigOf<typeof BLOBS_PROCESS_SETTINGS>

/** Reads the environment. Throws `invalid.config` that names every wrong variable, and unless there is exactly one place for files. */
export function readBlobsProcessConfig(environment: Readonly<Record<string, string | undefined>>): BlobsProcessConfig {
  const config = readConfig(BLOBS_PROCESS_SETTINGS, environment)
  requireSecureUrl('EVEGRAM_PUBLIC_URL', config.publicUrl)
  if ((config.dir === undefined) === (config.s3Url === undefined)) throw wrong('Set one of EVEGRAM_S3_URL (a bucket, for any number of processes) and EVEGRAM_BLOBS_DIR (a folder, for one process).')
  if ((config.s3AccessKey === undefined) !== (config.s3SecretKey === undefined)) throw wrong('Set both of EVEGRAM_S3_ACCESS_KEY and EVEGRAM_S3_SECRET_KEY, or neither.')
  if (config.s3Url !== undefined && URL.canParse(config.s3Url)) requireSecureUrl('EVEGRAM_S3_URL', config.s3Url)
  return config
}

/** The settings for a log line, secrets replaced. */
export function printableBlobsSettings(config: BlobsProcessConfig): Readonly<Record<string, unknown>> {
  return printableConfig(BLOBS_PROCESS_SETTINGS, config)
}

function wrong(advice: string): EvegramError {
  return new EvegramError('invalid.config', { operation: 'read settings', advice })
}
