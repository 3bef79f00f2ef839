/** Settings of every server that a run starts. Limits far above what any run sends: a server of its own is not to be measured by its rate limits. */
export const OWN_SERVER_SETTINGS = { EVEGRAM_RATE_FACTOR: '100000' } as const
