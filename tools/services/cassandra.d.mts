/** Removes segments of a commit log that have no header; returns their names. */
export function removeHeaderless(commitlog: string): readonly string[]
