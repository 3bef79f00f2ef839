import { accountIdOf, concatBytes, emptyAccountState, type WalletId } from '@evegram/protocol'
import {
  makeTonCell, parseAddress, printTonAddress, proofText, readTonBoc, TON_PROOF_PLACEHOLDER, tonProofDigest, tonProofPayload, type TonCell,
} from '@evegram/protocol/proof'
import { writeTonBoc, type Wallet } from '@evegram/sdk/parts'
import { ed25519 } from '@noble/curves/ed25519.js'
import { attempt } from '../../attempt.js'
import type { HostileCase, HostileContext } from '../case.js'
import { postForged, type ProofRequest } from '../forge.js'

/** First bit of the key in the data of a V5R1 wallet, and its bits in all. */
const KEY_BIT = 65
const DATA_BITS = 322

/** `cell` with a 256-bit value at `bit`. */
function withBits(cell: TonCell, bit: number, value: Uint8Array): TonCell {
  const data = cell.data.slice()
  for (let index = 0; index < value.length * 8; index++) {
    const place = bit + index
    const mask = 0x80 >> (place & 7)
    const isSet = (((value[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1
    data[place >> 3] = isSet ? (data[place >> 3] ?? 0) | mask : (data[place >> 3] ?? 0) & ~mask
  }
  return makeTonCell(data, cell.bits, cell.refs)
}

const withBit = (cell: TonCell, bit: number, isSet: boolean): TonCell => {
  const data = cell.data.slice()
  const mask = 0x80 >> (bit & 7)
  data[bit >> 3] = isSet ? (data[bit >> 3] ?? 0) | mask : (data[bit >> 3] ?? 0) & ~mask
  return makeTonCell(data, cell.bits, cell.refs)
}

/** The attacker: a key that signs whatever state and address it is told to. */
class TonForger {
  readonly secret = ed25519.utils.randomSecretKey()
  readonly publicKey = ed25519.getPublicKey(this.secret)

  /** A "wallet" that claims `address` (hash of a state) and shows `stateInit`; its signature is good for both. */
  wallet(addressHash: Uint8Array, stateInit: Uint8Array): Wallet {
    const account = { workchain: 0, hash: addressHash }
    const { walletId, address } = parseAddress(printTonAddress(account, false))
    const sign = (request: ProofRequest): ReturnType<Wallet['signProof']> => {
      const tonTimestamp = Math.floor(request.issuedAtMs / 1_000)
      const text = proofText({ ...request, walletId: TON_PROOF_PLACEHOLDER })
      const digest = tonProofDigest({ address: account, domain: request.domain, timestamp: tonTimestamp, payload: tonProofPayload(text) })
      return Promise.resolve({
        ...request, walletId, form: 'ton-proof', stateInit, tonTimestamp, tonDomainBytes: Buffer.byteLength(request.domain), signature: ed25519.sign(digest, this.secret),
      })
    }
    return { chain: 'ton', walletId, address, signProof: sign }
  }
}

/** Code and data of an honest V5R1 wallet. */
async function honestState(context: HostileContext): Promise<{ readonly root: TonCell; readonly code: TonCell; readonly data: TonCell }> {
  const wallet = context.enrolment.newWallet('ton')
  const nowMs = Date.now()
  const proof = await wallet.signProof({
    domain: context.domain, origin: context.origin, purpose: 'add-device', account: accountIdOf(wallet.walletId), logSeq: 0, logHead: new Uint8Array(32),
    device: '0'.repeat(32) as ProofRequest['device'], nonce: 'a'.repeat(22), issuedAtMs: nowMs, expirationTimeMs: nowMs + 1_000,
  })
  const root = proof.form === 'ton-proof' ? readTonBoc(proof.stateInit) : undefined
  const [code, data] = root?.refs ?? []
  if (root === undefined || code === undefined || data === undefined || data.bits !== DATA_BITS) throw new Error('the wallet of the run is no V5R1')
  return { root, code, data }
}

/** Forged first states of TON wallets. */
export const TON_CASES: readonly HostileCase[] = [
  {
    name: 'ton-state-init', claim: 'forged StateInit: another key, code, plugins, library, signatures off, cut',
    async run(context) {
      const { root, code, data } = await honestState(context)
      const forger = new TonForger()
      const own = (changed: TonCell, changedCode: TonCell = code): TonCell => makeTonCell(root.data, root.bits, [changedCode, changed])
      const withOwnKey = withBits(data, KEY_BIT, forger.publicKey)
      const foundedWith = (address: Uint8Array, stateInit: Uint8Array): Promise<string> => {
        const wallet = forger.wallet(address, stateInit)
        return postForged(context, { wallet, state: emptyAccountState(accountIdOf(wallet.walletId satisfies WalletId)) })
      }
      const claimed = (state: TonCell): Promise<string> => foundedWith(state.hash, writeTonBoc(state))
      const honest = own(withOwnKey)
      const boc = writeTonBoc(honest)
      return [
        await attempt('own key in the state of another address', '401 proof.state_init', () => foundedWith(root.hash, boc)),
        await attempt('own state, claimed for another address', '401 proof.state_init', () => foundedWith(makeTonCell(new Uint8Array(1), 8, []).hash, boc)),
        await attempt('unknown code', '401 proof.wallet_unsupported', () => claimed(own(withOwnKey, makeTonCell(Uint8Array.of(1, 2, 3, 4), 32, [])))),
        await attempt('extensions installed', '401 proof.wallet_unsupported', () => claimed(own(withBit(withOwnKey, DATA_BITS - 1, true)))),
        await attempt('signatures switched off', '401 proof.wallet_unsupported', () => claimed(own(withBit(withOwnKey, 0, false)))),
        await attempt('a library', '401 proof.wallet_unsupported', () => claimed(makeTonCell(Uint8Array.of(0b0011_1000), 5, [code, withOwnKey, data]))),
        await attempt('data too long', '401 proof.wallet_unsupported', () => claimed(own(makeTonCell(concatBytes(withOwnKey.data, new Uint8Array(1)), DATA_BITS + 8, [])))),
        await attempt('cut in the middle', '401 proof.malformed', () => foundedWith(honest.hash, boc.subarray(0, boc.length >> 1))),
        await attempt('no bytes', '401 proof.malformed', () => foundedWith(honest.hash, new Uint8Array(0))),
        await attempt('the forger\'s own honest wallet', '201', () => claimed(honest)),
      ]
    },
  },
]
