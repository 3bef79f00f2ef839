/**
 * Groups: one partition each. Its head (the version, and the encoded state behind it) is static, its log has a row for each entry, so that one
 * conditional batch moves the head and adds the entry. Changed by conditional writes only, and never deleted.
 */
export const GROUP_TABLES = [
  `CREATE TABLE IF NOT EXISTS groups (
    conversation blob, version int static, state blob static, seq int, entry blob,
    PRIMARY KEY (conversation, seq)
  )`,
] as const

/** Whether the group is wide: part of the head. Groups from before it have none, and are not. */
export const GROUP_CHANGES = ['ALTER TABLE groups ADD IF NOT EXISTS wide boolean static'] as const

/** The first head of a group. */
export const INSERT_HEAD = 'INSERT INTO groups (conversation, version, state, wide) VALUES (?, ?, ?, ?) IF NOT EXISTS'
/** The head behind the next entry. */
export const UPDATE_HEAD = 'UPDATE groups SET version = ?, state = ?, wide = ? WHERE conversation = ? IF version = ?'
/** An entry, only ever in one batch with its head. */
export const INSERT_ENTRY = 'INSERT INTO groups (conversation, seq, entry) VALUES (?, ?, ?)'
/** The head of a group: one row, however many entries there are. */
export const SELECT_HEAD = 'SELECT DISTINCT conversation, version, state, wide FROM groups WHERE conversation = ?'
/** Entries behind a number. */
export const SELECT_ENTRIES = 'SELECT entry FROM groups WHERE conversation = ? AND seq > ? LIMIT ?'
