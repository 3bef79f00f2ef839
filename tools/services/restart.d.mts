/** Kills a service; it stays down until it is started. */
export function killService(dir: string, name: string): Promise<void>
/** Starts a service again. */
export function startService(dir: string, name: string): Promise<unknown>
