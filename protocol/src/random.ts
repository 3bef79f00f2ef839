/** Randomness for core code: cryptographically strong in production, seeded in the simulator. */
export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>
}

/** A uniform number in [0, 1) with 32 bits, for jitter and sampling. */
export function unitInterval(random: Random): number {
  return new DataView(random.bytes(4).buffer).getUint32(0) / 2 ** 32
}
