declare const finalBrand: unique symbol

/** Number of a block (slot, masterchain block): a non-negative safe integer. */
export type Height = number

/** How far a chain is, as one source sees it. */
export interface ChainHead {
  /** The newest block. It may go away again, and this number may go back. */
  readonly latest: Height
  /** The newest block that stays for good. Never goes back, never above `latest`. */
  readonly final: Height
}

/**
 * Facts that stay: the adapter that states them saw their block final. Nothing else makes this type out of facts that are merely confirmed: seal-final.ts is
 * imported by the folders of the chains alone, which finality.test.ts checks.
 */
export type Final<Facts> = Facts & { readonly [finalBrand]: true }
