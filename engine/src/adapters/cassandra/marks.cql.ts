/**
 * The table of marks: one row for each inbox (an account, or a wide conversation itself), day and conversation, holding the last hour of that day in which something came. `day` and `hour`
 * count from 1970. A resume reads the days since the cursor of one partition: at most one row for each conversation that got something on that day.
 */
export const MARK_TABLES = [
  `CREATE TABLE IF NOT EXISTS inbox_marks (
    account blob, day int, conversation blob, hour int,
    PRIMARY KEY (account, day, conversation)
  ) WITH default_time_to_live = 2678400 AND gc_grace_seconds = 86400
    AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': 1}`,
] as const

/** A mark. Its timestamp is its hour, so that the latest hour of the day stands whatever the order of the writes. */
export const INSERT_MARK = 'INSERT INTO inbox_marks (account, day, conversation, hour) VALUES (?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?'
/** Marks of an account from a day on, oldest day first. */
export const SELECT_MARKS = 'SELECT conversation, hour FROM inbox_marks WHERE account = ? AND day >= ?'
/** The same of a wide conversation, which has one row a day: the first day may end before the hour that is asked for, the second cannot. */
export const SELECT_OWN_MARKS = 'SELECT hour FROM inbox_marks WHERE account = ? AND day >= ? LIMIT 2'

/**
 * The wide conversations of each account: `until_hour` is the hour in which it left, the largest int while it is in. Never deleted: who leaves is
 * written. The timestamp of a row is made of the version of the membership, so that the highest stands whatever the order of the writes.
 */
export const WIDE_TABLES = [
  'CREATE TABLE IF NOT EXISTS wide_conversations (account blob, conversation blob, until_hour int, PRIMARY KEY (account, conversation))',
] as const

/** Says that an account is in a wide conversation, or until when it was. */
export const INSERT_WIDE = 'INSERT INTO wide_conversations (account, conversation, until_hour) VALUES (?, ?, ?) USING TIMESTAMP ?'
/** Wide conversations of an account behind one, in the order of their ids. */
export const SELECT_WIDE = 'SELECT conversation, until_hour FROM wide_conversations WHERE account = ? AND conversation > ? LIMIT ?'
