/**
 * The table of marks: one row for each account, day and conversation, holding the last hour of that day in which something came. `day` and `hour`
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
