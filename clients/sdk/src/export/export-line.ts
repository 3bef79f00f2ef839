import type { JsonValue } from './json-value.js'

/** What lines of an export are about. */
export type ExportLineType =
  | 'export' | 'account_log' | 'device' | 'wallet' | 'contact' | 'blocked' | 'setting' | 'request' | 'conversation' | 'member' | 'message' | 'file' | 'channel' | 'post' | 'gap'
  | 'notice' | 'balance' | 'statement' | 'withdrawal' | 'pending_payment' | 'unanswered_withdrawal' | 'stored_backup' | 'not_included' | 'end'

/** One line: an object of JSON. docs/export.md has the fields of each type; those that say nothing are left out. */
export type ExportLine = { readonly type: ExportLineType } & Readonly<Record<string, JsonValue | undefined>>

/** Format of exports, in the first line. A reader takes lines and fields that it does not know for those of a newer writer. */
export const EXPORT_FORMAT = 'evegram-export/1'

/** A time, as exports write it. */
export const timeOf = (ms: number): string => new Date(ms).toISOString()
