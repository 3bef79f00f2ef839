import { createRequire } from 'node:module'
import type * as Uws from 'uWebSockets.js'

/** uWebSockets.js with its native binary. Ends the process where there is none for this Node: its package would go on with an imitation, and that is not what is compared with. */
export function nativeUws(peer: string): typeof Uws {
  // createRequire answers any; the package is CommonJS and these are its own types.
  const uws = createRequire(import.meta.url)('uWebSockets.js') as typeof Uws
  const report = process.report.getReport()
  const objects: unknown = 'sharedObjects' in report ? report.sharedObjects : []
  if (Array.isArray(objects) && objects.some((path) => typeof path === 'string' && /uws_[^/]*\.node$/.test(path))) return uws
  console.error(`uWebSockets.js has no native binary for this Node: the peer ${peer} needs Node 20 on a common system.`)
  process.exit(1)
}
