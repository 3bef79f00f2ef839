/**
 * What a world of nodes, auth and devices concentrates on. `receipts`: people tell each other what they received and read, under a mix of troubles. `changes`: they
 * edit, react, delete for everybody and let messages disappear, under the same.
 */
const WORLD_PROFILES = ['crash', 'partition', 'skew', 'malicious', 'receipts', 'changes', 'all'] as const
/** What a run concentrates on. */
export const PROFILES = [...WORLD_PROFILES, 'payouts'] as const
/** Name of a profile of messages. `all` picks one of the troubles, or a mix of them, by the seed. */
export type WorldProfile = (typeof WORLD_PROFILES)[number]
/** Name of a profile. `payouts` runs the wallet bridge instead of engine, auth and SDK. */
export type ProfileName = (typeof PROFILES)[number]
