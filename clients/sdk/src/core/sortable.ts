/** Digits of a number so that byte order is numeric order; 14 hex digits hold 2^53. */
export function sortable(value: number | bigint, digits = 14): string {
  return value.toString(16).padStart(digits, '0')
}
