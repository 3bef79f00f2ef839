import {
  createAdminHttp, createHttp, createLogger, createMetrics, HealthChecks, HttpRequestAuth, InternalClient, isRequestVerdict, Lifecycle, listenOn, lockFolder, registerOpenApi, ServiceTokens, systemClock,
  systemRandom, waitFor, type Logger, type RunningService,
} from '@evegram/platform'
import { connectRedis } from '@evegram/platform/redis'
import { isEvegramError, parseBlobId, type Clock, type Random } from '@evegram/protocol'
import { DiskBlobStore } from './adapters/disk/disk-blob-store.js'
import { RedisBlobQuota } from './adapters/redis/redis-blob-quota.js'
import type { BlobStore } from './ports/blob-store.js'
import { printableBlobsSettings, type BlobsProcessConfig } from './process-config.js'
import { createBlobService } from './service.js'

/** Time to wait for each thing at the start, in ms. */
const WAIT_MS = 60_000
/** Any name does to see whether the store answers. */
const NOTHING = parseBlobId('0'.repeat(32))

/**
 * The service of files as a process: waits for its store, Redis and auth, then takes requests. With a bucket any number of them work side by side. Rejects `invalid.config`,
 * `conflict.data_in_use`, `unavailable.*`; the caller ends the process then.
 */
export async function startBlobsProcess(config: BlobsProcessConfig, version: string): Promise<RunningService> {
  const [clock, random] = [systemClock(), systemRandom()]
  const log = createLogger({ level: config.logLevel, name: 'blobs' })
  log.info({ settings: printableBlobsSettings(config), version }, 'starting')
  const metrics = createMetrics({ processMetrics: true })
  const lifecycle = new Lifecycle({ clock, log })
  try {
    const store = await addStore(lifecycle, { config, clock, random, log })
    const redis = await connectRedis({ url: config.redis, name: 'blobs', log, clock, metrics, random })
    lifecycle.add({ name: 'Redis', stop: () => redis.close() })
    const tokens = new ServiceTokens({ name: 'blobs', seed: config.serviceKey, clock })
    const client = new InternalClient({ service: 'auth', urls: config.authUrls, tokens, clock, log, unavailable: 'unavailable.auth', passes: isRequestVerdict })
    lifecycle.add({ name: 'calls of auth', stop: () => { client.close() } })
    const auth = new HttpRequestAuth(client)
    await waitFor({ what: 'auth', clock, log, limitMs: WAIT_MS, ask: () => answers(auth) })
    const rules = { bytesPerDay: config.blobBytesPerDay, blobsPerDay: config.blobsPerDay }
    const quota = new RedisBlobQuota({ redis, rules, clock, log, metrics, secret: config.serviceKey, ...(config.prefix === undefined ? {} : { prefix: config.prefix }) })
    const blobs = createBlobService({ store, quota, auth, origin: config.publicUrl, blobBytesMax: config.blobBytesMax, clock, log, metrics })
    lifecycle.add({ name: 'files', start: () => { blobs.start() }, stop: () => blobs.stop() })

    const ports: Record<string, number> = {}
    const http = createHttp({ log: log.child({ part: 'http' }), clock, random, metrics, publicUrl: config.publicUrl, allowedOrigins: config.allowedOrigins, trustedProxies: config.trustedProxies })
    await registerOpenApi(http, { title: 'Evegram files', version, description: 'Encrypted files of messages and backups of one Evegram server.' })
    await blobs.routes(http)
    lifecycle.add({
      name: 'http', drain: () => http.close(),
      start: async () => { ports['http'] = await listenOn(http, { variable: 'EVEGRAM_HTTP_PORT', host: config.host, port: config.httpPort }) },
    })
    const health = new HealthChecks(clock)
    health.add('ready', 'process', () => (lifecycle.state === 'running' ? { ok: true } : { ok: false, reason: `the process is ${lifecycle.state}` }))
    health.add('ready', 'store', async () => {
      await store.find(NOTHING)
      return { ok: true }
    })
    const admin = createAdminHttp({ log, clock, random, metrics, health })
    lifecycle.add({
      name: 'admin', stop: () => admin.close(),
      start: async () => { ports['admin'] = await listenOn(admin, { variable: 'EVEGRAM_ADMIN_PORT', host: '127.0.0.1', port: config.adminPort }) },
    })
    await lifecycle.start()
    log.info({ ports }, 'ready')
    return { ports, stop: async () => { await lifecycle.stop() } }
  } catch (failure) {
    await lifecycle.stop()
    throw failure
  }
}

async function addStore(lifecycle: Lifecycle, { config, clock, random, log }: {
  readonly config: BlobsProcessConfig
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}): Promise<BlobStore> {
  const { dir, s3Url, s3Region, s3AccessKey, s3SecretKey } = config
  if (s3Url === undefined) {
    // `readBlobsProcessConfig` lets through what has one of the two.
    const folder = dir ?? ''
    const lock = lockFolder(folder)
    lifecycle.add({ name: 'folder', stop: () => { lock.release() } })
    return new DiskBlobStore({ folder })
  }
  // Here alone: who keeps files in a folder does not load the driver.
  const { openS3BlobStore } = await import('./adapters/s3/index.js')
  const keys = s3AccessKey === undefined || s3SecretKey === undefined ? undefined : { access: s3AccessKey, secret: s3SecretKey }
  const opened = await waitFor({ what: 'S3', clock, log, limitMs: WAIT_MS, ask: () => openS3BlobStore({ url: s3Url, region: s3Region, keys }, random) })
  lifecycle.add({ name: 'S3', stop: () => { opened.close() } })
  return opened.store
}

/** Resolves when auth says anything about a token that is none. */
async function answers(auth: HttpRequestAuth): Promise<void> {
  try {
    await auth.callerOf({ token: 'none', proof: undefined, method: 'GET', url: 'none' })
  } catch (failure) {
    if (!isEvegramError(failure) || !isRequestVerdict(failure.code)) throw failure
  }
}
