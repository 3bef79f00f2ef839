/** The name of what this process makes. */
export function ownName(pid?: number): string
/** Those of the names that were made by a process which is gone. */
export function leftByTheDead(names: readonly string[]): readonly string[]
