/** Memberships. `members` holds ids of 16 bytes in ascending order; changed by conditional writes only. */
export const MEMBERSHIP_TABLES = [
  'CREATE TABLE IF NOT EXISTS conversations (conversation blob PRIMARY KEY, kind text, version int, members blob)',
] as const

/** Creates a conversation unless it stands. */
export const OPEN_CONVERSATION = 'INSERT INTO conversations (conversation, kind, version, members) VALUES (?, ?, ?, ?) IF NOT EXISTS'
/** One conversation. */
export const SELECT_CONVERSATION = 'SELECT kind, version, members FROM conversations WHERE conversation = ?'
