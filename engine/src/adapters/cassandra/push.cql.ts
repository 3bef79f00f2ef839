/**
 * Where devices are woken: one partition for each device, with the endpoint in its key, so that the end of one that is gone never takes a newer one with it. Rows go
 * by themselves when they were not written for as long as a subscription lasts (the TTL of their writes).
 */
export const PUSH_TABLES = [
  'CREATE TABLE IF NOT EXISTS push_subscriptions (device blob, endpoint text, account blob, renewed_ms bigint, PRIMARY KEY (device, endpoint))',
] as const

/** Stores a subscription of a device. */
export const PUT_SUBSCRIPTION = 'INSERT INTO push_subscriptions (device, endpoint, account, renewed_ms) VALUES (?, ?, ?, ?) USING TTL ?'
/** The subscriptions of a device: one, or for a moment more while it changes. */
export const SELECT_SUBSCRIPTIONS = 'SELECT endpoint, account, renewed_ms FROM push_subscriptions WHERE device = ? LIMIT 8'
/** Ends one. */
export const DELETE_SUBSCRIPTION = 'DELETE FROM push_subscriptions WHERE device = ? AND endpoint = ?'
/** Ends all of a device. */
export const DELETE_SUBSCRIPTIONS = 'DELETE FROM push_subscriptions WHERE device = ?'
