import type { DriverName } from '../drivers/driver-names.js'
import { clusterTarget, type ClusterSize } from './cluster-target.js'
import { evegramTarget, type EvegramTargetOptions } from './evegram-target.js'
import { peerTarget } from './peer-target.js'
import type { Target } from './target.js'

/** What is started, and how. */
export interface StartOptions extends EvegramTargetOptions {
  readonly driver: DriverName
  /** The product as a cluster of this size, which is always started. */
  readonly cluster?: ClusterSize | undefined
  /** Hears what takes long. */
  readonly say?: (line: string) => void
}

/** The system of a driver: found or started. */
export function startTarget({ driver, cluster, say, ...options }: StartOptions): Promise<Target> {
  if (driver !== 'evegram') return peerTarget(driver, say)
  return cluster === undefined ? evegramTarget(options) : clusterTarget(cluster, options.clients)
}
