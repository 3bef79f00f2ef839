import type { AccountId } from '@evegram/protocol'

/** Who has accepted whom. The engine knows; the composition root binds it. */
export interface Contacts {
  /** Whether `owner` shares a direct conversation with `other` in which `owner` has sent something. A rejection counts as no. */
  accepted(owner: AccountId, other: AccountId): Promise<boolean>
}

/** Nobody has accepted anybody: used until the engine is bound. */
export const NO_CONTACTS: Contacts = { accepted: () => Promise.resolve(false) }
