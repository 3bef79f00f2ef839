/**
 * Tables of the log. `hour` is that of the position, in hours since 1970; `part` is 0 for most hours, see partitions.ts for what others hold. Which
 * parts there are stands in `envelope_hours`. Message and position are both in the key: no row can overwrite another's. Rows are never deleted:
 * they expire, whole tables files at a time, as rows of one day lie in one compaction window.
 */
export const ENVELOPE_TABLES = [
  `CREATE TABLE IF NOT EXISTS envelopes (
    conversation blob, hour int, part smallint, position blob, message blob, envelope blob,
    PRIMARY KEY ((conversation, hour, part), position, message)
  ) WITH default_time_to_live = 2678400 AND gc_grace_seconds = 86400
    AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': 1}`,
  `CREATE TABLE IF NOT EXISTS envelope_hours (
    conversation blob, hour int, part smallint,
    PRIMARY KEY (conversation, hour, part)
  ) WITH default_time_to_live = 2678400 AND gc_grace_seconds = 86400
    AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': 1}`,
] as const

/** One copy. Its timestamp is the time of its position: the compaction windows follow it, and a repeated write is the same write. */
export const INSERT_ENVELOPE = `INSERT INTO envelopes (conversation, hour, part, position, message, envelope)
  VALUES (?, ?, ?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?`
/** Names a part of an hour of a conversation that holds something. */
export const INSERT_HOUR = 'INSERT INTO envelope_hours (conversation, hour, part) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?'
/** Parts of a conversation from one on, in the order of their hours. */
export const SELECT_HOURS = 'SELECT hour, part FROM envelope_hours WHERE conversation = ? AND (hour, part) >= (?, ?) LIMIT ?'
/** Copies of one partition behind a position. */
export const SELECT_ENVELOPES = `SELECT position, envelope FROM envelopes
  WHERE conversation = ? AND hour = ? AND part = ? AND position > ? LIMIT ?`
