import { bytesOfHex, EvegramError, utf8 } from '@evegram/protocol'
import { readTonAddress, type TonAddress, type TonCell } from '@evegram/protocol/proof'
import { ed25519 } from '@noble/curves/ed25519.js'
import { BitWriter } from './bit-writer.js'
import type { LocalPayment, PayerFacts, SignedLocalPayment } from './local-payment.js'
import { tonWalletId, tonWalletState, writeTonBoc } from './ton-state.js'

/** How long a message is good. */
const VALID_SECONDS = 60
/** Wallet V5: a message from outside that its key signed. */
const SIGNED_EXTERNAL = 0x7369_676e
const ACTION_SEND = 0x0ec3_c86d
/** Fees are paid beside the amount (1); what fails is left out (2), which V5 wants of messages from outside. */
const SEND_MODE = 1 + 2

/** A transfer of nanotons by a wallet V5R1, with its text as comment; the first one puts the wallet onto the chain. */
export function tonPayment(seed: Uint8Array, { to, amount, memo }: LocalPayment, { seqno, isDeployed, seconds }: PayerFacts & { readonly chain: 'ton' }): SignedLocalPayment {
  const recipient = readTonAddress(to, false)
  if (typeof recipient === 'string') throw new EvegramError('invalid.address', { operation: 'sign payment' })
  const publicKey = ed25519.getPublicKey(seed)
  const state = tonWalletState('v5r1', publicKey, 'mainnet')
  const empty = new BitWriter().cell()
  const actions = new BitWriter().uint(ACTION_SEND, 32).uint(SEND_MODE, 8).cell(empty, transferMessage(recipient, amount, memo))
  const request = (): BitWriter => new BitWriter().uint(SIGNED_EXTERNAL, 32).uint(tonWalletId('mainnet'), 32).uint(seconds + VALID_SECONDS, 32).uint(seqno, 32)
    // A list of actions in a cell of its own, and no others.
    .uint(0b10, 2)
  const signature = ed25519.sign(request().cell(actions).hash, seed)
  const body = request().bytes(signature).cell(actions)
  // ext_in_msg_info: from nowhere, to the wallet, no import fee; then the state (in a cell) or none, and the body in a cell.
  const message = new BitWriter().uint(0b1000, 4).append(addressBits({ workchain: 0, hash: state.hash })).uint(0, 4)
  const external = isDeployed ? message.uint(0b01, 2).cell(body) : message.uint(0b111, 3).cell(state, body)
  return { bytes: writeTonBoc(external), fee: undefined }
}

/** int_msg_info: no bounce, so that money reaches an account that is not there yet. */
function transferMessage(to: TonAddress, amount: bigint, memo: string | undefined): TonCell {
  const hex = amount.toString(16)
  const coins = bytesOfHex(hex.padStart(hex.length + hex.length % 2, '0'))
  const message = new BitWriter().uint(0b0100_00, 6).append(addressBits(to)).uint(coins.length, 4).bytes(coins)
    // No other currencies, no fees and times yet (the node fills them in), no state.
    .uint(0, 1 + 4 + 4).bytes(new Uint8Array(8 + 4)).uint(0, 1)
  if (memo === undefined) return message.uint(0, 1).cell()
  return message.uint(1, 1).cell(new BitWriter().uint(0, 32).bytes(utf8(memo)).cell())
}

/** addr_std without anycast. */
function addressBits({ workchain, hash }: TonAddress): BitWriter {
  return new BitWriter().uint(0b100, 3).uint(workchain & 0xff, 8).bytes(hash)
}
