/** Address of the primary as sentinels know it. */
export function redisPrimary(sentinels: readonly string[]): Promise<string>
