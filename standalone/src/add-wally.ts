import { fileSecretStore, secretCalled, type Auth, type SecretStore } from '@evegram/auth'
import { MemoryEventBroker, type Lifecycle, type Logger, type Metrics } from '@evegram/platform'
import { EvegramError, type Clock, type Random } from '@evegram/protocol'
import {
  createWally, LocalChainLeases, NoticeSigner, OPERATOR_SCOPES, Operators, operatorTokenHash, parseChainName, PlayNetwork, type ChainName, type LedgerStore, type NoticeSink, type Wally, type WallyChainOptions,
} from '@evegram/wallet-bridge'
import {
  postgresLedger, PostgresChainIdentities, PostgresPayoutStore, PostgresRoutes, PostgresStatementStore, preparePostgresLedger, threadedDatabase, type EmbeddedDatabase,
  PostgresAlarmStore, PostgresCheckpoints, PostgresPayoutDecisions,
} from '@evegram/wallet-bridge/postgres'
import type { StandaloneConfig } from './config.js'
import type { DataFolder } from './data-folder.js'
import type { LocalChain } from './local-chains.js'
import { playChain } from './play-chain.js'
import { wallyAuthOf } from './wally-auth.js'
import { WallyStart } from './wally-start.js'

/** The chain of play money, which lives in the data folder. */
export const SIMULATED = parseChainName('simulated')
/** How the token in the data folder is called where it approves something. */
const TOKEN_PERSON = 'operator-token'

/** What {@link addWally} needs. */
export interface WallyParts {
  readonly config: StandaloneConfig
  readonly folder: DataFolder
  /** Public origin of the server. */
  readonly origin: string
  readonly auth: Auth
  /** Where notices go: the message store of this server. */
  readonly notices: NoticeSink
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
}

/** The wallet bridge of a standalone server, with the chain of play money that it brings. */
export interface StandaloneWally {
  readonly wally: Wally
  readonly ledger: LedgerStore
  readonly play: PlayNetwork
  /** The local chains that settings name. */
  readonly local: readonly LocalChain[]
  /** Who is an operator of it. */
  readonly operators: Operators
  /** The key that signs its notices: 32 bytes, public. */
  readonly noticeKey: Uint8Array
  /** Its start, which the caller begins once the server listens. */
  readonly start: WallyStart
  /** Ledger and chain at one moment: what the ledger says of the chain is in the chain. One at a time: rejects `conflict.busy` meanwhile; `unavailable.*`. */
  snapshot(keep: (snapshot: Uint8Array) => Promise<void>): Promise<void>
}

/**
 * Puts the wallet bridge together on an embedded ledger and the chain of play money, and on local chains where settings name them. The chain of play money runs when the
 * lifecycle starts it, everything else when {@link StandaloneWally.start} begins. Rejects `unavailable.store` for a chain of play money that cannot be read; with local
 * chains, which the ledger must know first, also `unavailable.*`, `incompatible.schema`, and `invalid.config` for another chain than the ledger knows.
 */
export async function addWally(lifecycle: Lifecycle, parts: WallyParts): Promise<StandaloneWally> {
  const opened: (() => Promise<void>)[] = []
  try {
    return await addWallyOn(lifecycle, parts, (close) => { opened.push(close) })
  } catch (failure) {
    // The lifecycle stops only what it has started.
    for (const close of opened.toReversed()) await close()
    throw failure
  }
}

async function addWallyOn(lifecycle: Lifecycle, parts: WallyParts, opened: (close: () => Promise<void>) => void): Promise<StandaloneWally> {
  const { config, folder, auth, origin, clock, random, log, metrics } = parts
  const secrets = fileSecretStore(folder.secretsDir)
  // First: a chain that does not answer is found out before a database is made.
  const local = await configuredChains(config, secrets, random)
  const database = threadedDatabase(folder.ledgerDir)
  opened(() => database.close())
  lifecycle.add({ name: 'ledger database', stop: () => database.close() })
  const ledger = postgresLedger({ database, clock })
  lifecycle.add({ name: 'ledger', stop: () => ledger.close() })
  const play = await PlayNetwork.open({ folder: folder.chainDir, clock, random })
  opened(() => play.close())
  const failed = (failure: unknown): void => { log.error({ err: failure }, 'a block of play money could not be made') }
  lifecycle.add({ name: 'chain of play money', start: () => { play.start(failed) }, stop: () => play.close() })

  const chains: WallyChainOptions[] = [playChain(play, await secretCalled('wally-hot-simulated', secrets, random))]
  const openLedger = async (): Promise<void> => {
    await database.open()
    await preparePostgresLedger({ database, clock, random, synced: false })
    await requireSameChain(database, SIMULATED, play.identity)
  }
  // Where the books of a local chain begin is in the ledger.
  if (local.length > 0) await openLedger()
  for (const { name, identity, options } of local) {
    await requireSameChain(database, name, identity)
    chains.push({ ...options, beginsAt: await beginningOf(ledger, name, options) })
  }
  const wallyAuth = wallyAuthOf(auth)
  const operators = new Operators({
    tokens: [{ person: TOKEN_PERSON, scopes: new Set(OPERATOR_SCOPES.map(([scope]) => scope)), hash: operatorTokenHash(folder.operatorToken) }],
    wallets: new Set(config.operatorWallets), auth: wallyAuth,
  })
  const noticeSigner = new NoticeSigner(await secretCalled('wally-notices', secrets, random))
  const wally = createWally({
    ledger, statements: new PostgresStatementStore(database), payouts: new PostgresPayoutStore(ledger, database), routes: new PostgresRoutes(database),
    decisions: new PostgresPayoutDecisions(ledger, database), alarms: new PostgresAlarmStore(database), checkpoints: new PostgresCheckpoints(database),
    leases: new LocalChainLeases(), stream: new MemoryEventBroker({ clock, log }).connect(), notices: { signer: noticeSigner, sink: parts.notices }, auth: wallyAuth, chains, origin, clock, metrics, log: log.child({ part: 'wally' }),
    operators, depositSecret: await secretCalled('wally-deposit-codes', secrets, random),
  })
  const start = new WallyStart({
    start: async () => {
      if (local.length === 0) await openLedger()
      await wally.start()
    },
    stop: () => wally.stop(), closeLedger: () => database.close(), log,
  })
  lifecycle.add({ name: 'wallet bridge', stop: () => start.stop() })
  const snapshot = oneAtATime((keep: (snapshot: Uint8Array) => Promise<void>) => snapshotOf({ database, play, failed }, keep))
  return {
    wally, ledger, play, local, operators, start, noticeKey: noticeSigner.publicKey,
    snapshot: async (keep) => {
      start.require()
      await snapshot(keep)
    },
  }
}

async function configuredChains(config: StandaloneConfig, secrets: SecretStore, random: Random): Promise<readonly LocalChain[]> {
  if (config.solana === undefined && config.ton === undefined && config.terra === undefined) return []
  // Only now: the SDKs of the chains take their time to load.
  const { localChains } = await import('./local-chains.js')
  return localChains({ config, secrets, random })
}

/** `take`, which rejects `conflict.busy` while it is at work. */
function oneAtATime<Input>(take: (input: Input) => Promise<void>): (input: Input) => Promise<void> {
  let isTaken = false
  return async (input) => {
    if (isTaken) throw new EvegramError('conflict.busy', { operation: 'copy the ledger' })
    isTaken = true
    try {
      await take(input)
    } finally {
      isTaken = false
    }
  }
}

/** No block is made meanwhile: nothing that the ledger books then is missing on the chain that is copied. */
async function snapshotOf(
  { database, play, failed }: { readonly database: EmbeddedDatabase; readonly play: PlayNetwork; readonly failed: (failure: unknown) => void },
  keep: (snapshot: Uint8Array) => Promise<void>,
): Promise<void> {
  await play.stop()
  try {
    await keep(await database.snapshot())
  } catch (cause) {
    throw cause instanceof EvegramError ? cause : new EvegramError('unavailable.store', { operation: 'copy the ledger', cause })
  } finally {
    play.start(failed)
  }
}

/**
 * Where the books of a chain that was there before begin: what was final when they first met, for ever. The hot wallet was made for this ledger and held nothing then.
 * Rejects `unavailable.chain`.
 */
async function beginningOf(ledger: LedgerStore, chain: ChainName, { sources: [source] }: WallyChainOptions): Promise<number> {
  const cursor = `begins-${chain}`
  if (await ledger.cursor(cursor) === 0 && source !== undefined) await ledger.moveCursor(cursor, 0, (await source.adapter.head()).final)
  return ledger.cursor(cursor)
}

/** Throws `invalid.config` when the books under this name are about another chain. */
async function requireSameChain(database: EmbeddedDatabase, chain: ChainName, identity: string): Promise<void> {
  const known = await new PostgresChainIdentities(database).claim(chain, identity)
  if (known === identity) return
  throw new EvegramError('invalid.config', {
    operation: 'open chain', details: { chain },
    advice: `The ledger is about another chain called ${chain} than the one that is there now. ${chain === SIMULATED
      ? 'Restore ledger and chain from the same backup.'
      : 'A local chain begins anew whenever it starts: leave its setting out, or begin anew with another EVEGRAM_DATA_DIR.'}`,
  })
}
