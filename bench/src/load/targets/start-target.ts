import type { DriverName } from '../drivers/driver-names.js'
import { evegramTarget, type EvegramTargetOptions } from './evegram-target.js'
import { relayTarget } from './relay-target.js'
import type { Target } from './target.js'

/** The system of a driver: found or started. */
export function startTarget({ driver, ...options }: EvegramTargetOptions & { readonly driver: DriverName }): Promise<Target> {
  return driver === 'evegram' ? evegramTarget(options) : relayTarget(driver)
}
