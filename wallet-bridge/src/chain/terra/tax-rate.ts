/** Decimals of a rate that a node tells. */
export const TAX_RATE_UNIT = 10n ** 18n
