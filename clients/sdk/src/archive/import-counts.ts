/** What an archive brought. */
export interface ImportCounts {
  /** Messages that were not here. */
  readonly messages: number
  /** Messages that this device had: they stay as they are. */
  readonly known: number
  readonly conversations: number
  readonly channels: number
  readonly posts: number
  readonly gaps: number
  /** Marks of verified contacts that were taken over. */
  readonly verified: number
  /** Registers (contacts, settings, drafts, read markers) that were merged. */
  readonly registers: number
  /** Records that this version does not know, or that there is no room for. */
  readonly skipped: number
}
