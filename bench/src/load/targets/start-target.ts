import type { DriverName } from '../drivers/driver-names.js'
import { clusterTarget, type ClusterSize } from './cluster-target.js'
import { evegramTarget, type EvegramTargetOptions } from './evegram-target.js'
import { relayTarget } from './relay-target.js'
import type { Target } from './target.js'

/** The system of a driver: found or started. With a `cluster`, the product as one of this size, which is always started. */
export function startTarget({ driver, cluster, ...options }: EvegramTargetOptions & { readonly driver: DriverName; readonly cluster?: ClusterSize | undefined }): Promise<Target> {
  if (driver !== 'evegram') return relayTarget(driver)
  return cluster === undefined ? evegramTarget(options) : clusterTarget(cluster, options.clients)
}
