import type { Address} from '@ton/core';
import { beginCell, Cell, contractAddress, loadMessageRelaxed, storeMessageRelaxed, type MessageRelaxed, type StateInit } from '@ton/core'
import { EvegramError } from '@evegram/protocol'

/**
 * The code of highload wallet v3 by The Open Network (github.com/ton-blockchain/highload-wallet-contract-v3, MIT), audited, as npm carries it in
 * @tonkite/highload-wallet-v3 2.0.10. Its hash is that of the published build.
 */
const CODE = Cell.fromBase64(
  'te6cckECEAEAAigAART/APSkE/S88sgLAQIBIAINAgFIAwQAeNAg10vAAQHAYLCRW+EB0NMDAXGwkVvg+kAw+CjHBbORMODTHwGCEK5C5aS6nYBA1yHXTPgqAe1V+wTgMAIBIAUKAgJz' +
  'BgcAEa3OdqJoa4X/wAIBIAgJABqrtu1E0IEBItch1ws/ABiqO+1E0IMH1yHXCx8CASALDAAbuabu1E0IEBYtch1wsVgA5bi/Ltou37IasJAoQJsO1E0IEBINch9AT0BNM/0xXRBY4b+C' +
  'MloVIQuZ8ybfgjBaoAFaESuZIwbd6SMDPikjAz4lIwgA30D2+hntAh1yHXCgCVXwN/2zHgkTDiWYAN9A9voZzQAdch1woAk3/bMeCRW+JwgB9vLUgwjXGNEh+QDtRNDT/9Mf9AT0BNM/' +
  '0xXR+CMhoVIguY4SM234IySqAKESuZJtMt5Y+CMB3lQWdfkQ8qEG0NMf1NMH0wzTCdM/0xXRUWi68qJRWrrypvgjKqFSULzyowT4I7vyo1MEgA30D2+hmdAk1yHXCgDyZJEw4g4B/lMJ' +
  'gA30D2+hjhPQUATXGNIAAfJkyFjPFs+DAc8WjhAwyCTPQM+DhAlQBaGlFM9A4vgAyUA5gA30FwTIy/8Tyx/0ABL0ABLLPxLLFcntVPgPIdDTAAHyZdMCAXGwkl8D4PpAAdcLAcAA8qX6' +
  'QDH6ADH0AfoAMfoAMYBg1yHTAAEPACDyZdIAAZPUMdGRMOJysfsAtYW/Aw==',
)

/** The hash of the code, as published. */
export const HIGHLOAD_CODE_HASH = '11acad7955844090f283bf238bc1449871f783e7cc0979408d3f4859483e8525'
/** As its authors recommend, different from those of ordinary wallets of the same key. */
export const HIGHLOAD_SUBWALLET = 0x10ad
/** Seconds in which a signed message may land when nothing else is said; part of the address. */
export const HIGHLOAD_TIMEOUT_SECONDS = 3_600
/** Seconds of a timeout, at most: 22 bits. */
export const HIGHLOAD_TIMEOUT_SECONDS_MAX = 4_194_303
/** Different query ids: 8,192 dictionaries of 1,023 bits. */
export const QUERY_IDS = 8_192 * 1_023

const INTERNAL_TRANSFER = 0xae42e5a4
const BITS_OF_DICTIONARY = 1_023
const SEND_PAYING_FEES_APART = 1
const SEND_IGNORING_ERRORS = 2
const KEY_BYTES = 32

/** A wallet that has not to be there yet. */
export interface HighloadWallet {
  readonly address: Address
  readonly init: StateInit
  readonly timeoutSeconds: number
}

/** What one message of the wallet says, besides its signature. */
export interface HighloadRequest {
  /** Below {@link QUERY_IDS}; lands once within two timeouts. */
  readonly queryId: number
  readonly createdAt: number
}

/** What stands in a message to the wallet. */
export interface HighloadMessage extends HighloadRequest {
  /** The message that it sends: to the recipient itself, or to the wallet with a batch. */
  readonly message: Cell
  readonly timeoutSeconds: number
}

/** The wallet of a key. Throws `invalid.argument` for a key that is not 32 bytes or a timeout that is out of range. */
export function highloadWallet(publicKey: Uint8Array, timeoutSeconds = HIGHLOAD_TIMEOUT_SECONDS): HighloadWallet {
  if (publicKey.length !== KEY_BYTES || !Number.isInteger(timeoutSeconds) || timeoutSeconds < 1 || timeoutSeconds > HIGHLOAD_TIMEOUT_SECONDS_MAX) {
    throw new EvegramError('invalid.argument', { operation: 'derive TON wallet' })
  }
  const data = beginCell().storeBuffer(Buffer.from(publicKey)).storeUint(HIGHLOAD_SUBWALLET, 32).storeUint(0, 1 + 1 + 64).storeUint(timeoutSeconds, 22).endCell()
  const init = { code: CODE, data }
  return { address: contractAddress(0, init), init, timeoutSeconds }
}

/** The message with which the wallet sends several, up to 254 (the 255 actions of a transaction, less the one that keeps the code): to itself, carrying `value` for the gas of sending. */
export function batchMessage({ address }: HighloadWallet, messages: readonly MessageRelaxed[], value: bigint): MessageRelaxed {
  const actions = messages.reduce((list, message) => beginCell()
    .storeRef(list).storeUint(0x0ec3c86d, 32).storeUint(SEND_PAYING_FEES_APART | SEND_IGNORING_ERRORS, 8)
    .storeRef(beginCell().store(storeMessageRelaxed(message, { forceRef: true }))).endCell(), beginCell().endCell())
  return internalMessage(address, value, false, beginCell().storeUint(INTERNAL_TRANSFER, 32).storeUint(0, 64).storeRef(actions).endCell())
}

/** The messages of a batch, in their order. Throws what @ton/core throws for a message that is none. */
export function readBatch({ body }: MessageRelaxed): readonly MessageRelaxed[] {
  const messages: MessageRelaxed[] = []
  let list = body.beginParse().skip(32 + 64).loadRef()
  while (list.bits.length > 0) {
    const action = list.beginParse().skip(32 + 8)
    list = action.loadRef()
    messages.push(loadMessageRelaxed(action.loadRef().beginParse()))
  }
  return messages.reverse()
}

/** A message of a contract that pays for it. */
export function internalMessage(dest: Address, value: bigint, bounce: boolean, body: Cell = new Cell()): MessageRelaxed {
  return {
    info: {
      type: 'internal', ihrDisabled: true, bounce, bounced: false, dest, value: { coins: value }, ihrFee: 0n, forwardFee: 0n, createdLt: 0n, createdAt: 0, src: null,
    },
    init: null, body,
  }
}

/** What the key signs: the hash of this cell. The wallet takes the message once, and not behind `createdAt` and its timeout. */
export function highloadRequest({ timeoutSeconds }: HighloadWallet, message: MessageRelaxed, { queryId, createdAt }: HighloadRequest): Cell {
  return beginCell()
    .storeUint(HIGHLOAD_SUBWALLET, 32).storeRef(beginCell().store(storeMessageRelaxed(message, { forceRef: true })))
    .storeUint(SEND_PAYING_FEES_APART, 8).storeUint(Math.floor(queryId / BITS_OF_DICTIONARY), 13).storeUint(queryId % BITS_OF_DICTIONARY, 10)
    .storeUint(createdAt, 64).storeUint(timeoutSeconds, 22).endCell()
}

/** The body of the external message. */
export function highloadBody(request: Cell, signature: Uint8Array): Cell {
  return beginCell().storeBuffer(Buffer.from(signature)).storeRef(request).endCell()
}

/** Reads the body of an external message to such a wallet. Throws what @ton/core throws for one that is none. */
export function readHighloadBody(body: Cell): HighloadMessage {
  const request = body.beginParse().skip(512).loadRef().beginParse()
  request.skip(32)
  const message = request.loadRef()
  const queryId = request.skip(8).loadUint(13) * BITS_OF_DICTIONARY + request.loadUint(10)
  return { message, queryId, createdAt: request.loadUint(64), timeoutSeconds: request.loadUint(22) }
}

/** The last second of the chain in which the wallet takes a message: while its making plus the timeout is behind the time of the block. */
export function lastSecondOf(createdAt: number, timeoutSeconds: number): number {
  return createdAt + timeoutSeconds - 1
}

/** The parameter of the get method `processed?`: where the bit of a query id is. */
export function processedKey(queryId: number): bigint {
  return BigInt(Math.floor(queryId / BITS_OF_DICTIONARY)) << 10n | BigInt(queryId % BITS_OF_DICTIONARY)
}
