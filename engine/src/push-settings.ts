import { flag, setting } from '@evegram/platform'
import { EvegramError } from '@evegram/protocol'
import { z } from 'zod'
import { isLoopbackService, parsePushService, PUSH_SERVICES_DEFAULT, PUSH_SERVICES_MAX, type PushService } from './adapters/web-push/push-services.js'

/** Hosts of push services, separated by commas. */
const pushServiceList = z.string().default(PUSH_SERVICES_DEFAULT).transform((text) => text.split(',').map((part) => part.trim()).filter((part) => part !== ''))
  .pipe(z.array(z.string().refine((entry) => parsePushService(entry) !== undefined, 'hosts such as push.example or *.push.example; in tests http://127.0.0.1:<port>')).max(PUSH_SERVICES_MAX, `at most ${String(PUSH_SERVICES_MAX)} hosts`))

/** Settings of waking devices; docs/operations.md prints this table. */
export const PUSH_SETTINGS = {
  push: setting('EVEGRAM_PUSH', flag.default(true)),
  pushServices: setting('EVEGRAM_PUSH_SERVICES', pushServiceList),
} as const

/**
 * The push services of the setting. Throws `invalid.config` for one on this machine, which stands for a push service in tests, unless the server is for this machine
 * alone (`isLocal`).
 */
export function pushServicesOf(entries: readonly string[], isLocal: boolean): readonly PushService[] {
  const services = entries.flatMap((entry) => parsePushService(entry) ?? [])
  if (isLocal || !services.some(isLoopbackService)) return services
  throw new EvegramError('invalid.config', { operation: 'read settings', advice: 'EVEGRAM_PUSH_SERVICES names this machine, which is for tests of a server that is for this machine alone.' })
}
