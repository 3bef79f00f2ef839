import { ManualClock } from '@evegram/platform'
import { Coins, Fee, LCDClient, ModeInfo, MsgExecuteContract, MsgSend, RawKey, type Msg, type Tx } from '@terra-money/terra.js'
import { countingRandom } from '../../counting-random.js'
import type { Signer } from '../../signer.js'
import { serveTerraDevnet, type TerraDevnetServer } from './index.js'
import { terraPlaySigner } from '../play-signer.js'

/** Somebody with a key. */
export interface WorldAccount {
  readonly key: RawKey
  readonly address: string
  readonly signer: Signer
}

/** How a stranger sends: with gas for a few messages, and the tax beside it, when nothing else is said. */
export interface SendOptions {
  readonly from?: WorldAccount
  readonly memo?: string
  readonly gas?: number
  /** What the fee holds. */
  readonly fee?: Readonly<Record<string, string>>
  readonly sequence?: number
  readonly timeoutHeight?: number
  readonly mode?: 'direct' | 'amino'
}

export const GAS = 400_000
/** What {@link GAS} costs. */
export const GAS_FEE = 11_330_000n
const FUNDS = 900_000_000_000_000n

/** A local chain whose blocks end when a test says so, with a stranger who has a lot, over the real SDK and real HTTP. */
export class TerraWorld {
  readonly server: TerraDevnetServer
  readonly lcd: LCDClient
  readonly stranger: WorldAccount
  readonly #random = countingRandom('terra world')

  private constructor(server: TerraDevnetServer) {
    this.server = server
    this.lcd = new LCDClient({ URL: server.url, chainID: server.chain.chainId, isClassic: true, gasPrices: { uluna: '28.325' } })
    this.stranger = this.account()
  }

  static async open(): Promise<TerraWorld> {
    const world = new TerraWorld(await serveTerraDevnet({ clock: new ManualClock(), random: countingRandom('terra devnet'), port: 0, blockMs: undefined }))
    for (const name of ['uluna', 'uusd', world.token]) await world.chain.give(world.stranger.address, name, FUNDS)
    world.blocks()
    return world
  }

  get chain(): TerraDevnetServer['chain'] {
    return this.server.chain
  }

  /** The CW20 that the stranger has. */
  get token(): string {
    return this.chain.playToken
  }

  account(): WorldAccount {
    const seed = this.#random.bytes(32)
    const key = new RawKey(Buffer.from(seed))
    return { key, address: key.accAddress, signer: terraPlaySigner(seed) }
  }

  blocks(count = 1): void {
    for (let block = 0; block < count; block++) this.chain.closeBlock()
  }

  /** Signs as a wallet does, with the SDK. */
  async signed(messages: readonly Msg[], { from = this.stranger, memo, gas = GAS, fee, sequence, timeoutHeight = 0, mode = 'direct' }: SendOptions = {}): Promise<Tx> {
    return this.lcd.wallet(from.key).createAndSignTx({
      msgs: [...messages], memo: memo ?? '', timeoutHeight, fee: new Fee(gas, new Coins(fee ?? { uluna: '50000000', uusd: '50000000' })),
      signMode: mode === 'amino' ? ModeInfo.SignMode.SIGN_MODE_LEGACY_AMINO_JSON : ModeInfo.SignMode.SIGN_MODE_DIRECT, ...(sequence === undefined ? {} : { sequence }),
    })
  }

  /** Signs and sends; in no block yet. Resolves with the hash; rejects when the node refuses. */
  async send(messages: readonly Msg[], options: SendOptions = {}): Promise<string> {
    const answer = await this.lcd.tx.broadcastSync(await this.signed(messages, options))
    if ('code' in answer && answer.code !== undefined) throw new Error(`${String(answer.code)}: ${answer.raw_log}`)
    return answer.txhash
  }

  pay(to: string, coins: Readonly<Record<string, string>>, from = this.stranger): MsgSend {
    return new MsgSend(from.address, to, coins)
  }

  call(contract: string, message: object, coins: Readonly<Record<string, string>> = {}, from = this.stranger): MsgExecuteContract {
    return new MsgExecuteContract(from.address, contract, message, coins)
  }

  giveToken(to: string, amount: bigint, from = this.stranger): MsgExecuteContract {
    return this.call(this.token, { transfer: { recipient: to, amount: String(amount) } }, {}, from)
  }

  async close(): Promise<void> {
    await this.server.close()
  }
}
