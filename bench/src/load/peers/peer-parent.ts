import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { FromPeer } from '../targets/from-peer.js'

const REPORT_MS = 1_000

/** Tells whoever started this peer. */
export function tellParent(message: FromPeer): void {
  process.send?.(message)
}

/** Reports the event-loop delay once a second, as the product's metrics do; and ends the process when the one that started it is gone. */
export function reportEventLoop(): void {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  setInterval(() => {
    tellParent({ kind: 'eventLoop', delayP99Ms: delay.percentile(99) / 1e6 })
    delay.reset()
  }, REPORT_MS)
  process.on('disconnect', () => process.exit(0))
}
