/** Where the cache is. */
export function cacheDir(environment: Readonly<Record<string, string | undefined>>): string
/** The name of an entry: what it is and a hash of what decides its content. */
export function entryName(what: string, ...inputs: readonly string[]): string
/** Whether an entry is as it was made. */
export function isWhole(dir: string, name: string): boolean
/** The folder of an entry, made when there is none that is whole. */
export function cached(dir: string, name: string, make: (folder: string) => Promise<void>, say?: (line: string) => void): Promise<string>
