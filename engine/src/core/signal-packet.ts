import { EvegramError, hexOf, idBytes, SIGNALLED_BYTES, type AccountId } from '@evegram/protocol'

/** Bytes of an account id. */
const ID_BYTES = 16
/** Bytes in front of the signal: version (u8), zero (u8), accounts that follow (u16). */
const HEAD_BYTES = 4
const PACKET_VERSION = 1

/** A signal on its way to a node that has connected devices of these accounts. Nodes of one cluster may run neighbouring versions. */
export interface SignalPacket {
  /** Body of the `signalled` frame: a kind that this node does not know is for its clients to ignore. */
  readonly signalled: Uint8Array
  readonly accounts: readonly AccountId[]
}

/** The bytes of a packet: head, body of the `signalled` frame, accounts. */
export function encodeSignalPacket({ signalled, accounts }: SignalPacket): Uint8Array {
  const bytes = Buffer.alloc(HEAD_BYTES + SIGNALLED_BYTES + accounts.length * ID_BYTES)
  bytes[0] = PACKET_VERSION
  bytes.writeUInt16BE(accounts.length, 2)
  bytes.set(signalled, HEAD_BYTES)
  accounts.forEach((account, index) => { bytes.set(idBytes(account), HEAD_BYTES + SIGNALLED_BYTES + index * ID_BYTES) })
  return bytes
}

/** Throws `invalid.frame`. */
export function decodeSignalPacket(bytes: Uint8Array): SignalPacket {
  const count = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)
  const accountsAt = HEAD_BYTES + SIGNALLED_BYTES
  if (bytes[0] !== PACKET_VERSION || bytes.length !== accountsAt + count * ID_BYTES) throw new EvegramError('invalid.frame', { operation: 'decode signal packet' })
  return {
    signalled: bytes.subarray(HEAD_BYTES, accountsAt),
    accounts: Array.from({ length: count }, (_, index) => {
      const at = accountsAt + index * ID_BYTES
      // 16 bytes of hex are an account id by definition.
      return hexOf(bytes, at, at + ID_BYTES) as AccountId
    }),
  }
}
