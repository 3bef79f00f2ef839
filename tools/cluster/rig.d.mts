/** How a process is started. */
interface Start {
  readonly command: string
  readonly args: readonly string[]
}
/** What came of a wanted rig. */
export type RigState = { readonly name: string } & ({ readonly on: string, readonly missing?: undefined } | { readonly missing: string, readonly on?: undefined })
/** Prepares a cluster for faults that need more than signals. */
export function prepareRig(options: {
  readonly wanted: readonly string[]
  readonly nodes: number
  readonly dir: string
  readonly servicesDir: string
  readonly say: (line: string) => void
  readonly environment?: Readonly<Record<string, string | undefined>>
}): Promise<{
  readonly states: readonly RigState[]
  readonly hosts: readonly string[] | undefined
  enclose(planned: { readonly name: string, readonly start: Start }): Start
  environmentOf(name: string): Readonly<Record<string, string>>
  cut(name: string): Promise<void>
  mend(name: string): Promise<void>
  fill(name: string): { readonly bytes: number, readonly folder: string }
  clear(name: string): void
  setClock(name: string, aheadMs: number): void
  remove(): Promise<void>
}>
