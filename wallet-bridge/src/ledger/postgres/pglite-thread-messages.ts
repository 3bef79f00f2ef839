/** What a thread that runs PGlite is started with. */
export interface ThreadSettings {
  /** Folder of the ledger, whose lock the process of the thread holds. */
  readonly folder: string
}

/** What the thread is asked for; `id` is in the answer. */
export type ThreadRequest =
  | { readonly kind: 'query'; readonly id: number; readonly text: string; readonly parameters: readonly unknown[] }
  | { readonly kind: 'snapshot'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number }

/** An error as it reaches another thread. */
export interface ToldFailure {
  readonly message: string
  /** SQLSTATE, where PostgreSQL refused. */
  readonly code: string | undefined
}

/** What the thread answers: first whether it opened, then one answer to each request. */
export type ThreadAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'unopened'; readonly failure: ToldFailure }
  | { readonly kind: 'rows'; readonly id: number; readonly rows: readonly Readonly<Record<string, unknown>>[]; readonly affectedRows: number | undefined }
  | { readonly kind: 'snapshot'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'closed'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: ToldFailure }
