import { wholeNumber, type GivenOptions, type OptionSpec } from '../cli/command-line.js'
import { UsageError } from '../usage-error.js'
import { connectionsPerProcessMax, type SiteSize } from './connection-site.js'
import { DEVICES_PER_HOLDER_MAX } from './holder-pool.js'

const ENGINES_MAX = 8
const AT_ONCE_MAX = 4_096
/** Of a shared port the system gives each process a part by chance: so much less than all is planned for. */
const EVEN_SHARE = 0.9

/** Options of the scenarios about connections. */
export const SITE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  'connections': { placeholder: 'n', help: 'authenticated connections' },
  'engines': { placeholder: 'n', help: 'so many engine processes on one port, on real stores, with made-up accounts; without it one standalone server with real ones' },
  'at-once': { placeholder: 'n', help: 'clients that come at the same time' },
}

/** What the options say. Throws {@link UsageError} for more connections than the processes have descriptors for, naming that limit. */
export function siteOf(given: GivenOptions, defaults: { readonly connections: number; readonly engines: number; readonly atOnce: number }): SiteSize & { readonly atOnce: number } {
  const enginesText = given.text('engines')
  const engines = enginesText === undefined ? defaults.engines : wholeNumber('engines', enginesText, 1, ENGINES_MAX)
  const perProcess = Math.min(DEVICES_PER_HOLDER_MAX, connectionsPerProcessMax())
  const max = engines <= 1 ? perProcess : Math.floor(perProcess * engines * EVEN_SHARE)
  const connections = Number(given.text('connections') ?? defaults.connections)
  if (Number.isInteger(connections) && connections > max) {
    throw new UsageError(`${String(connections)} connections on ${String(Math.max(1, engines))} process${engines > 1 ? 'es' : ''} meet the limit of open files (ulimit -n): here ${String(max)} at most. More --engines or a higher limit help`)
  }
  return { connections: wholeNumber('connections', String(connections), 10, max), engines, atOnce: wholeNumber('at-once', given.text('at-once') ?? String(defaults.atOnce), 1, AT_ONCE_MAX) }
}
