/**
 * Posts of channels: `bucket` is the number divided by 1,024, so that a partition holds at most 50 MB. A row is inserted once, on the condition
 * that its number is free, never changed, and expires. Rows of one day lie in one compaction window.
 * The heads: where a channel ends. Written without a condition, with a timestamp made of the number, so that the highest stands whatever the order of the writes.
 */
export const CHANNEL_TABLES = [
  `CREATE TABLE IF NOT EXISTS channel_posts (
    channel blob, bucket bigint, seq bigint, at_ms bigint, post blob,
    PRIMARY KEY ((channel, bucket), seq)
  ) WITH default_time_to_live = 2678400 AND gc_grace_seconds = 86400
    AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': 1}`,
  'CREATE TABLE IF NOT EXISTS channel_heads (channel blob PRIMARY KEY, state blob)',
] as const

/** A post under a number that is free. */
export const INSERT_POST = 'INSERT INTO channel_posts (channel, bucket, seq, at_ms, post) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?'
/** The post of one number. */
export const SELECT_POST = 'SELECT post FROM channel_posts WHERE channel = ? AND bucket = ? AND seq = ?'
/** Posts of one bucket behind a number. */
export const SELECT_POSTS = 'SELECT seq, at_ms, post FROM channel_posts WHERE channel = ? AND bucket = ? AND seq > ? LIMIT ?'
/** Times of the posts of one bucket up to a number, the newest first. */
export const SELECT_TIMES = 'SELECT at_ms FROM channel_posts WHERE channel = ? AND bucket = ? AND seq <= ? ORDER BY seq DESC LIMIT ?'
/** Whether a bucket holds a post still. */
export const SELECT_ANY = 'SELECT seq FROM channel_posts WHERE channel = ? AND bucket = ? LIMIT 1'

/** The state behind a post. */
export const INSERT_CHANNEL_HEAD = 'INSERT INTO channel_heads (channel, state) VALUES (?, ?) USING TIMESTAMP ?'
/** The state behind the newest post. */
export const SELECT_CHANNEL_HEAD = 'SELECT state FROM channel_heads WHERE channel = ?'
