import { resolve } from 'node:path'
import { EvegramError } from '@evegram/protocol'
import type { Client, LocalPayer, RequestPolicy, Wallet } from '@evegram/sdk'
import type { Output } from './output.js'
import { DEFAULT_SERVER, profileFolder, readSettings, writeSettings } from './profile.js'
import type * as WalletFile from './wallet-file.js'

/** What every command takes. */
export interface CommonOptions {
  readonly profile?: string
  readonly server?: string
  readonly json?: boolean
}

/** Time in which what waits for the server may still leave when a command is done. */
const FLUSH_MS = 5_000
const FLUSH_LOOK_MS = 20
/** Time for a client to close; the profile is released by the end of the process in any case. */
const CLOSE_MS = 5_000

/** What a command works with: its options resolved, its output, and the way to a signed-in client. */
export class Context {
  readonly output: Output
  readonly folder: string
  readonly server: string
  readonly #environment: Readonly<Record<string, string | undefined>>

  /** Throws `invalid.argument` for a server that is no URL, `invalid.config` for a damaged profile.json. */
  constructor(options: CommonOptions, environment: Readonly<Record<string, string | undefined>>, output: Output) {
    this.#environment = environment
    this.output = output
    this.folder = profileFolder(options.profile ?? variable(environment, 'EVEGRAM_PROFILE'))
    this.server = options.server ?? readSettings(this.folder).server ?? variable(environment, 'EVEGRAM_SERVER') ?? DEFAULT_SERVER
    if (!/^(https?|wss?):\/\//i.test(this.server) || !URL.canParse(this.server)) {
      throw new EvegramError('invalid.argument', { operation: 'read --server', advice: `Write the server as a URL, for example ${DEFAULT_SERVER}` })
    }
  }

  /** The passphrase for wallet files, from EVEGRAM_WALLET_PASSPHRASE. */
  get passphrase(): string | undefined {
    return variable(this.#environment, 'EVEGRAM_WALLET_PASSPHRASE')
  }

  /** The passphrase of backups, from EVEGRAM_BACKUP_PASSPHRASE. */
  get backupPassphrase(): string | undefined {
    return variable(this.#environment, 'EVEGRAM_BACKUP_PASSPHRASE')
  }

  /** The recovery code of a backup, from EVEGRAM_RECOVERY_CODE. */
  get recoveryCode(): string | undefined {
    return variable(this.#environment, 'EVEGRAM_RECOVERY_CODE')
  }

  /** The operator token, from EVEGRAM_OPERATOR_TOKEN. */
  get operatorToken(): string | undefined {
    return variable(this.#environment, 'EVEGRAM_OPERATOR_TOKEN')
  }

  /** Opens the wallet of `path`, or the one that `login` was given; asks a person for the passphrase of an encrypted file. */
  wallet(path?: string): Promise<Wallet> {
    return this.#opened(path, ({ openWalletFile }) => openWalletFile)
  }

  /** The same wallet as one that pays on local chains. */
  payer(path?: string): Promise<LocalPayer> {
    return this.#opened(path, ({ openPayerFile }) => openPayerFile)
  }

  async #opened<Opened>(path: string | undefined, opening: (module: typeof WalletFile) => (path: string, passphrase: string | undefined) => Opened): Promise<Opened> {
    const known = path ?? readSettings(this.folder).wallet
    if (known === undefined) {
      throw new EvegramError('invalid.argument', { operation: 'open wallet', advice: 'This needs a wallet: pass --wallet <file>.' })
    }
    const module = await import('./wallet-file.js')
    const needsPassphrase = module.describeWalletFile(known).encrypted && this.passphrase === undefined && this.output.interactive
    return opening(module)(known, needsPassphrase ? await askedPassphrase() : this.passphrase)
  }

  /** The client of a profile that is signed in. Throws `client.not_signed_in`. */
  async open(): Promise<Client> {
    const { createNodeClient, hasDevice } = await import('@evegram/sdk/node')
    if (!(await hasDevice(this.folder))) throw new EvegramError('client.not_signed_in', { operation: 'open profile' })
    return createNodeClient({ url: this.server, profile: this.folder })
  }

  /**
   * Signs in with a wallet: adds this profile as a device of its account, or opens it when it is one already.
   * `requests`: what happens to messages of strangers. Throws `account.wallet_unknown` when the profile belongs to another account.
   */
  async login(walletPath: string, requests: RequestPolicy = 'ask'): Promise<Client> {
    const wallet = await this.wallet(walletPath)
    const { createNodeClient } = await import('@evegram/sdk/node')
    const client = await createNodeClient({ url: this.server, profile: this.folder, wallet, requests })
    try {
      writeSettings(this.folder, { server: this.server, wallet: resolve(walletPath) })
      return client
    } catch (error) {
      await client.close()
      throw error
    }
  }

  /**
   * Runs `work` with a signed-in client, gives what waits for the server a moment to leave, and closes the client whatever happens.
   * `ended` aborts when the client may not go on (its device was revoked, say); the reason is then thrown.
   */
  async withClient<Result>(work: (client: Client, ended: AbortSignal) => Promise<Result>): Promise<Result> {
    const { showAlarms } = await import('./alarms.js')
    const client = await this.open()
    const ended = new AbortController()
    const release = showAlarms(client, this.output)
    const stopped = new Promise<never>((_resolve, reject) => {
      client.on('state', ({ state, error }) => {
        if (state !== 'closed' || error === undefined) return
        reject(error)
        ended.abort(error)
      })
    })
    try {
      const result = await Promise.race([work(client, ended.signal), stopped])
      await flush(client)
      return result
    } finally {
      release()
      await Promise.race([client.close(), pause(CLOSE_MS)])
    }
  }
}

async function askedPassphrase(): Promise<string> {
  const { askPassphrase } = await import('./passphrase.js')
  return askPassphrase('Passphrase of the wallet file')
}

/** Lets messages of earlier commands, sent while the server was away, go out now. */
async function flush(client: Client): Promise<void> {
  const deadline = performance.now() + FLUSH_MS
  while (client.pending > 0 && client.state !== 'offline' && client.state !== 'closed' && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, FLUSH_LOOK_MS))
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}

function variable(environment: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = environment[name]
  return value === '' ? undefined : value
}
