import type { LoadResult } from '../result.js'

/** What the page draws, as JSON inside of it. */
export interface ReportData {
  readonly timeline: LoadResult['timeline']
  readonly nines: readonly number[]
  readonly curves: readonly { readonly name: string; readonly ms: readonly (number | null)[] }[]
}
