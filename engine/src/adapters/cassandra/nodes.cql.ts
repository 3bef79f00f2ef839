/**
 * Tables of nodes, each read as one partition (`cluster` is always 0). `incarnations` keeps every number that was ever given; `nodes` who is up, for
 * minutes; `store_time` the latest time that a node heard from the store.
 */
export const NODE_TABLES = [
  'CREATE TABLE IF NOT EXISTS incarnations (incarnation bigint PRIMARY KEY)',
  `CREATE TABLE IF NOT EXISTS nodes (
    cluster tinyint, incarnation bigint, heard_ms bigint, departed boolean,
    PRIMARY KEY (cluster, incarnation)
  ) WITH default_time_to_live = 600 AND gc_grace_seconds = 3600`,
  'CREATE TABLE IF NOT EXISTS store_time (cluster tinyint PRIMARY KEY, heard_ms bigint)',
] as const

/** Takes an incarnation unless it was given before. */
export const CLAIM_INCARNATION = 'INSERT INTO incarnations (incarnation) VALUES (?) IF NOT EXISTS'
/** A sign of life, at the time of the store. It leaves `departed` as it is: a late one does not bring back a node that left. */
export const HEARTBEAT = 'INSERT INTO nodes (cluster, incarnation, heard_ms) VALUES (0, ?, to_unix_timestamp(now()))'
/** The goodbye of a node, a written state. */
export const DEPART = 'INSERT INTO nodes (cluster, incarnation, departed) VALUES (0, ?, true)'
/** Everyone heard of lately, with the time of the store. */
export const SELECT_NODES = 'SELECT incarnation, heard_ms, departed, to_unix_timestamp(now()) AS now_ms FROM nodes WHERE cluster = 0'
/** The time of the store: the clock of the node that coordinates, and another one each time. */
export const SELECT_NOW = 'SELECT to_unix_timestamp(now()) AS now_ms FROM system.local'
/** Remembers a time heard from the store. Its timestamp is the time, so that the latest stands whoever wrote last. */
export const REMEMBER_TIME = 'INSERT INTO store_time (cluster, heard_ms) VALUES (0, ?) USING TIMESTAMP ?'
/** The latest time that any node heard from the store. */
export const SELECT_TIME = 'SELECT heard_ms FROM store_time WHERE cluster = 0'
