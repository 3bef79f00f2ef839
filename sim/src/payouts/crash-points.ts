/** At how many calls of each world its process is killed, chosen by the seed, when nothing else is said. */
export const CRASH_POINTS_DEFAULT = 4
