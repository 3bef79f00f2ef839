/** The version in what a program printed. */
export function parseVersion(tool: 'java' | 'maven' | 'go' | 'redis' | 'postgres' | 'docker', text: string): number[] | undefined
/** Whether a version is as new as another. */
export function isAtLeast(version: readonly number[], minimum: readonly number[]): boolean
