/** What a run concentrates on. */
export const PROFILES = ['crash', 'partition', 'skew', 'malicious', 'all'] as const
/** Name of a profile. `all` picks one of the others, or a mix of them, by the seed. */
export type ProfileName = (typeof PROFILES)[number]
