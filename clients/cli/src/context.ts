import { EvegramError } from '@evegram/protocol'
import type { Client, Wallet } from '@evegram/sdk'
import { createNodeClient, hasDevice } from '@evegram/sdk/node'
import { Output } from './output.js'
import { DEFAULT_SERVER, profileFolder, readSettings, writeSettings } from './profile.js'
import { openWalletFile } from './wallet-file.js'

/** What every command takes. */
export interface CommonOptions {
  readonly profile?: string
  readonly server?: string
  readonly json?: boolean
}

/** What a command works with: its options resolved, its output, and the way to a signed-in client. */
export class Context {
  readonly output: Output
  readonly folder: string
  readonly server: string
  readonly #environment: Readonly<Record<string, string | undefined>>

  constructor(options: CommonOptions, environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment
    this.output = new Output(options.json === true, environment)
    this.folder = profileFolder(options.profile ?? environment['EVEGRAM_PROFILE'])
    this.server = options.server ?? environment['EVEGRAM_SERVER'] ?? readSettings(this.folder).server ?? DEFAULT_SERVER
  }

  /** The passphrase for wallet files, from EVEGRAM_WALLET_PASSPHRASE. */
  get passphrase(): string | undefined {
    const passphrase = this.#environment['EVEGRAM_WALLET_PASSPHRASE']
    return passphrase === '' ? undefined : passphrase
  }

  /** Opens the wallet of `path`, or the one that `login` was given. */
  wallet(path: string | undefined): Wallet {
    const known = path ?? readSettings(this.folder).wallet
    if (known === undefined) {
      throw new EvegramError('invalid.argument', { operation: 'open wallet', advice: 'This needs a wallet: pass --wallet <file>.' })
    }
    return openWalletFile(known, this.passphrase)
  }

  /** The client of a profile that is signed in. Throws `client.not_signed_in`. */
  async open(): Promise<Client> {
    if (!(await hasDevice(this.folder))) throw new EvegramError('client.not_signed_in', { operation: 'open profile' })
    return createNodeClient({ url: this.server, profile: this.folder })
  }

  /** Signs in with a wallet: adds this profile as a device of its account, or opens it when it is one already. */
  async login(walletPath: string): Promise<Client> {
    const wallet = openWalletFile(walletPath, this.passphrase)
    const client = await createNodeClient({ url: this.server, profile: this.folder, wallet })
    writeSettings(this.folder, { server: this.server, wallet: walletPath })
    return client
  }

  /** Runs `work` with a signed-in client and closes it whatever happens. */
  async withClient<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const client = await this.open()
    try {
      return await work(client)
    } finally {
      await client.close()
    }
  }
}
