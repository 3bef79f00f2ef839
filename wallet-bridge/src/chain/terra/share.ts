/** `amount` times `part` of `whole`, rounded up. */
export function ceilShare(amount: bigint, part: bigint, whole: bigint): bigint {
  return (amount * part + whole - 1n) / whole
}
