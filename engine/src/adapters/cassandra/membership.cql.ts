/** Memberships. `members` holds ids of 16 bytes in ascending order; changed by conditional writes only. */
export const MEMBERSHIP_TABLES = [
  'CREATE TABLE IF NOT EXISTS conversations (conversation blob PRIMARY KEY, kind text, version int, members blob)',
] as const

/** Membership logs: the newest version and the state behind it, and one row for each entry, in one partition of at most 18 MB. */
export const GROUP_TABLES = [
  `CREATE TABLE IF NOT EXISTS groups (
    conversation blob, version int static, state blob static, seq int, entry blob, PRIMARY KEY (conversation, seq))`,
] as const

/** The first entry of a group, unless there is one. */
export const FOUND_GROUP = 'UPDATE groups SET version = ?, state = ? WHERE conversation = ? IF version = null'
/** A change upon the version before it. */
export const CHANGE_GROUP = 'UPDATE groups SET version = ?, state = ? WHERE conversation = ? IF version = ?'
/** The entry that goes with either, in the same batch. */
export const INSERT_GROUP_ENTRY = 'INSERT INTO groups (conversation, seq, entry) VALUES (?, ?, ?)'
/** A group as it stands. */
export const SELECT_GROUP = 'SELECT version, state FROM groups WHERE conversation = ? LIMIT 1'
/** One entry, for a linearizable read of what became of a change. */
export const SELECT_GROUP_ENTRY = 'SELECT entry FROM groups WHERE conversation = ? AND seq = ?'
/** Entries behind a number. */
export const SELECT_GROUP_ENTRIES = 'SELECT entry FROM groups WHERE conversation = ? AND seq > ? LIMIT ?'

/** Creates a conversation unless it stands. */
export const OPEN_CONVERSATION = 'INSERT INTO conversations (conversation, kind, version, members) VALUES (?, ?, ?, ?) IF NOT EXISTS'
/** One conversation. */
export const SELECT_CONVERSATION = 'SELECT kind, version, members FROM conversations WHERE conversation = ?'
