import { concatBytes } from '@evegram/protocol'
import { crc32c, readTonBoc, type Network, type TonCell, type TonWalletKind } from '@evegram/protocol/proof'
import { base64 } from '@scure/base'
import { BitWriter } from './bit-writer.js'
import { TON_WALLET_CODE } from './ton-code.js'

/** Subwallet number that V3 and V4 wallets of workchain 0 start with. */
const DEFAULT_SUBWALLET = 698_983_191
/** Network ids that V5 mixes into its wallet id. */
const GLOBAL_ID = { mainnet: -239, testnet: -3 } as const

/** Which wallet of a key a V5 contract is, in that network: client context (workchain 0, version 0, number 0) xor network. */
export function tonWalletId(network: Network): number {
  return (0x80000000 ^ GLOBAL_ID[network]) >>> 0
}

function dataCell(kind: TonWalletKind, publicKey: Uint8Array, network: Network): TonCell {
  switch (kind) {
    case 'v3r1':
    case 'v3r2':
      return new BitWriter().uint(0, 32).uint(DEFAULT_SUBWALLET, 32).bytes(publicKey).cell()
    case 'v4r2':
      return new BitWriter().uint(0, 32).uint(DEFAULT_SUBWALLET, 32).bytes(publicKey).uint(0, 1).cell()
    case 'v5r1':
      // Signatures on, seqno, wallet id, key, no extensions.
      return new BitWriter().uint(1, 1).uint(0, 32).uint(tonWalletId(network), 32).bytes(publicKey).uint(0, 1).cell()
  }
}

/** The first state of a wallet contract owned by `publicKey` (32 bytes): its hash is the address in workchain 0. */
export function tonWalletState(kind: TonWalletKind, publicKey: Uint8Array, network: Network): TonCell {
  const code = readTonBoc(base64.decode(TON_WALLET_CODE[kind]))
  // The four constants are covered by a test.
  if (code === undefined) throw new RangeError('wallet code does not parse')
  // StateInit: no split depth, no tick-tock, code, data, no library.
  return new BitWriter().uint(0b00110, 5).cell(code, dataCell(kind, publicKey, network))
}

/** Cells in an order in which each comes before those that it refers to, equal cells once. */
function ordered(root: TonCell): readonly TonCell[] {
  const done = new Map<string, TonCell>()
  const visit = (cell: TonCell): void => {
    const name = base64.encode(cell.hash)
    if (done.has(name)) return
    for (const ref of [...cell.refs].reverse()) visit(ref)
    done.set(name, cell)
  }
  visit(root)
  return [...done.values()].reverse()
}

function storedCell(cell: TonCell, indexOf: (cell: TonCell) => number): Uint8Array {
  const data = Uint8Array.from(cell.data)
  const rest = cell.bits % 8
  if (rest !== 0) data[data.length - 1] = (data[data.length - 1] ?? 0) | (0x80 >> rest)
  const descriptors = Uint8Array.of(cell.refs.length, Math.floor(cell.bits / 8) + Math.ceil(cell.bits / 8))
  return concatBytes(descriptors, data, Uint8Array.from(cell.refs, indexOf))
}

/** A bag of cells with one root and a checksum, for at most 255 cells and 65,535 bytes, which every wallet state is far below. */
export function writeTonBoc(root: TonCell): Uint8Array<ArrayBuffer> {
  const cells = ordered(root)
  const numberOf = new Map(cells.map((cell, index) => [base64.encode(cell.hash), index]))
  const content = concatBytes(...cells.map((cell) => storedCell(cell, (ref) => numberOf.get(base64.encode(ref.hash)) ?? 0)))
  if (cells.length > 255 || content.length > 65_535) throw new RangeError('too many cells')
  const header = Uint8Array.of(0xb5, 0xee, 0x9c, 0x72, 0x41, 2, cells.length, 1, 0, content.length >> 8, content.length & 0xff, 0)
  const body = concatBytes(header, content)
  const trailer = new Uint8Array(4)
  new DataView(trailer.buffer).setUint32(0, crc32c(body), true)
  return concatBytes(body, trailer)
}
