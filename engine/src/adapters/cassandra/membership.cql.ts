/**
 * What each conversation id stands for: for a direct conversation its `members`, ids of 16 bytes in ascending order; for a group that it is one (see
 * groups.cql.ts). A row is written once, by a conditional write.
 */
export const MEMBERSHIP_TABLES = [
  'CREATE TABLE IF NOT EXISTS conversations (conversation blob PRIMARY KEY, kind text, version int, members blob)',
] as const

/** Creates a conversation unless it stands. */
export const OPEN_CONVERSATION = 'INSERT INTO conversations (conversation, kind, version, members) VALUES (?, ?, ?, ?) IF NOT EXISTS'
/** One conversation. */
export const SELECT_CONVERSATION = 'SELECT kind, version, members FROM conversations WHERE conversation = ?'
