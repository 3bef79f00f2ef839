import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EvegramError } from '@evegram/protocol'

/** Version of the layout of the data folder: 2 has a ledger and a chain of play money. Each store inside has a schema version of its own. */
export const LAYOUT_VERSION = 2

/** What the server keeps beside its stores. */
export interface DataFolder {
  readonly path: string
  /** Names this server for ever: clients pin it. 32 hex digits. */
  readonly serverId: string
  /** Secret of the operator, also in the file `operator-token` (0600). */
  readonly operatorToken: string
  /** Folder of the account store. */
  readonly authDir: string
  /** Folder of auth's secrets. */
  readonly secretsDir: string
  /** Folder of the message store. */
  readonly logDir: string
  /** Folder of files. */
  readonly blobsDir: string
  /** Folder of the ledger. */
  readonly ledgerDir: string
  /** Folder of the chain of play money. */
  readonly chainDir: string
  /** File for log lines. */
  readonly logFile: string
}

interface Identity {
  readonly layout: number
  readonly serverId: string
}

/** Opens the data folder, making what is missing; one of an older layout becomes one of this. Throws `incompatible.schema` for the folder of a newer version. The caller holds its lock. */
export function openDataFolder(path: string): DataFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const identity = readIdentity(path) ?? writeIdentity(path)
  if (identity.layout > LAYOUT_VERSION) {
    throw new EvegramError('incompatible.schema', { operation: 'open data folder', details: { found: identity.layout, supported: LAYOUT_VERSION } })
  }
  if (identity.layout < LAYOUT_VERSION) writeWhole(join(path, 'server.json'), `${JSON.stringify({ ...identity, layout: LAYOUT_VERSION })}\n`)
  const tokenFile = join(path, 'operator-token')
  if (!existsSync(tokenFile)) writeWhole(tokenFile, randomBytes(32).toString('base64url'))
  const logDir = join(path, 'log')
  // The engine's store would make its folder by the umask of the process.
  mkdirSync(logDir, { recursive: true, mode: 0o700 })
  return {
    path,
    serverId: identity.serverId,
    operatorToken: readFileSync(tokenFile, 'utf8').trim(),
    authDir: join(path, 'auth'),
    secretsDir: join(path, 'secrets'),
    logDir,
    blobsDir: join(path, 'blobs'),
    ...foldersIn(path),
    logFile: join(path, 'server.log'),
  }
}

/** Where the ledger and the chain of play money are in a data folder. */
export function foldersIn(path: string): Pick<DataFolder, 'ledgerDir' | 'chainDir'> {
  return { ledgerDir: join(path, 'ledger'), chainDir: join(path, 'chain') }
}

/** File that says where the server that uses a data folder can be asked for things that only it can do. */
export const RUNNING_FILE = 'running.json'

/** Writes down where the admin listener of this process is; returns its removal. */
export function announceAdmin(path: string, adminUrl: string): () => void {
  writeWhole(join(path, RUNNING_FILE), `${JSON.stringify({ admin: adminUrl })}\n`)
  return () => { rmSync(join(path, RUNNING_FILE), { force: true }) }
}

/** Where the admin listener of the server is that uses a data folder, as it wrote down; undefined when it did not. */
export function announcedAdmin(path: string): string | undefined {
  const file = join(path, RUNNING_FILE)
  const { admin } = existsSync(file) ? parseObject(readFileSync(file, 'utf8')) : {}
  return typeof admin === 'string' ? admin : undefined
}

function readIdentity(path: string): Identity | undefined {
  const file = join(path, 'server.json')
  if (!existsSync(file)) return undefined
  const { layout, serverId } = parseObject(readFileSync(file, 'utf8'))
  if (typeof layout !== 'number' || typeof serverId !== 'string' || !/^[0-9a-f]{32}$/.test(serverId)) {
    throw new EvegramError('invalid.config', { operation: 'open data folder', advice: `${file} is damaged: restore it from a backup.` })
  }
  return { layout, serverId }
}

/** The object in `text`; an empty one for anything else: the fields that are missing then are told. */
function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}

function writeIdentity(path: string): Identity {
  const identity: Identity = { layout: LAYOUT_VERSION, serverId: randomBytes(16).toString('hex') }
  writeWhole(join(path, 'server.json'), `${JSON.stringify(identity)}\n`)
  return identity
}

/** Writes a file whole or not at all, readable by its owner only. */
function writeWhole(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}
