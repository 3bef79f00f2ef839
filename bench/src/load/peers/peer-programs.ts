import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PeerName } from '../drivers/driver-names.js'

/** How a peer is started. */
export interface PeerProgram {
  /** The script that starts it and tells of it as `FromPeer` says. */
  readonly script: string
  readonly args: readonly string[]
}

/** Settings of the environment that say where programs are. */
type Variable = 'CENTRIFUGO_BIN' | 'TINODE_BIN' | 'NATS_SERVER_BIN' | 'EJABBERD_HOME'

/** A process runs the build, also when a test runs the source. */
const BUILT = new URL('../../../dist/load/peers/', import.meta.url)
/** Of programs that are not made here. */
const SCRIPTS = new URL('../../../peers/', import.meta.url)

/** Programs that no registry has for this harness: where the environment says that they are. */
const CENTRIFUGO = { variable: 'CENTRIFUGO_BIN', what: 'the program centrifugo, version 6' } as const
const BINARIES: Partial<Readonly<Record<PeerName, { readonly variable: Variable; readonly what: string }>>> = {
  'centrifugo': CENTRIFUGO, 'centrifugo-history': CENTRIFUGO, 'tinode': { variable: 'TINODE_BIN', what: 'the program tinode, built for PostgreSQL, with init-db beside it' },
}

/** Why a peer cannot be started here, in words; undefined when it can be, or when that shows only while it starts. */
export function peerFault(name: PeerName): string | undefined {
  const binary = BINARIES[name]
  if (binary === undefined) return undefined
  const path = setting(binary.variable)
  if (path === undefined) return `${binary.variable} is not set`
  return existsSync(path) ? undefined : `${binary.variable} names ${path}, which is not there`
}

/** What to do about {@link peerFault}. */
export function peerAdvice(name: PeerName): string {
  const binary = BINARIES[name]
  return binary === undefined ? '' : `set ${binary.variable} to the path of ${binary.what}`
}

/** How to start a peer. */
export function peerProgram(name: PeerName): PeerProgram {
  const built = (script: string): PeerProgram => ({ script: fileURLToPath(new URL(`${script}-process.js`, BUILT)), args: [] })
  const own = (script: string, ...args: readonly string[]): PeerProgram => ({ script: fileURLToPath(new URL(`${script}.mjs`, SCRIPTS)), args })
  const given = (option: string, variable: Variable): readonly string[] => {
    const value = setting(variable)
    return value === undefined ? [] : [option, value]
  }
  switch (name) {
    case 'raw-uws': return built('raw-uws')
    case 'ws': return built('ws')
    case 'socket.io': return built('socket-io')
    case 'socket.io-uws': return built('socket-io-uws')
    case 'nats': return own('nats', ...given('--program', 'NATS_SERVER_BIN'))
    case 'ejabberd': return own('ejabberd', '--archive', ...given('--home', 'EJABBERD_HOME'))
    case 'ejabberd-no-archive': return own('ejabberd', ...given('--home', 'EJABBERD_HOME'))
    case 'centrifugo': return own('centrifugo', ...given('--program', 'CENTRIFUGO_BIN'))
    case 'centrifugo-history': return own('centrifugo', '--history', ...given('--program', 'CENTRIFUGO_BIN'))
    case 'tinode': return own('tinode', ...given('--program', 'TINODE_BIN'))
    default: return name satisfies never
  }
}

/** The one place of the harness that reads settings from the environment. */
function setting(variable: Variable): string | undefined {
  const value = process.env[variable]
  return value === undefined || value === '' ? undefined : value
}
