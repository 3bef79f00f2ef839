/** Something that the person at the command line has to change: printed without a stack, and the run ends with code 1. */
export class UsageError extends Error {}
