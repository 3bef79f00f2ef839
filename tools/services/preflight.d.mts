/** One thing that was looked for. */
export interface Finding {
  readonly name: string
  readonly state: 'found' | 'missing' | 'unneeded' | 'later'
  readonly detail: string
  readonly install?: string
}
/** Looks for all that running services natively needs. */
export function preflight(options: {
  readonly kinds: readonly string[]
  readonly nodes: 1 | 3
  readonly cache: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly asked?: readonly string[]
}): Promise<{ readonly findings: readonly Finding[], readonly tools: Readonly<Record<string, string>> }>
/** The findings as lines. */
export function findingLines(findings: readonly Finding[]): string[]
