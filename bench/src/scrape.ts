import type { ClusterMember } from './cluster-process.js'

const SCRAPE_TIMEOUT_MS = 10_000

/** Sum of the samples whose line (Prometheus text format) matches, over the metrics of all `members` that have an admin listener. */
export async function scrapedSum(members: readonly ClusterMember[], line: RegExp): Promise<number> {
  const sums = await Promise.all(members.map(async ({ admin }) => {
    if (admin === undefined) return 0
    const response = await fetch(`${admin}/metrics`, { signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS) })
    return sampleSum(await response.text(), line)
  }))
  return sums.reduce((sum, value) => sum + value, 0)
}

/** Sum of the samples of one page of metrics whose line matches. */
export function sampleSum(page: string, line: RegExp): number {
  return page.split('\n').filter((text) => line.test(text)).reduce((sum, text) => sum + Number(text.slice(text.lastIndexOf(' ') + 1)), 0)
}
