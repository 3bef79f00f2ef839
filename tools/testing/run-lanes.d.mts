/** Where a step prints: a file descriptor for the processes that it starts (undefined: their parent's own output), and lines of its own. */
export interface StepOutput {
  readonly output: number | undefined
  readonly print: (line: string) => void
}
/** One step; `work` rejects when it failed. */
export interface Step {
  readonly name: string
  readonly work: (output: StepOutput) => Promise<void>
}
/** Runs lanes of steps beside each other; resolves with the names of those that failed. */
export function runLanes(lanes: readonly (readonly Step[])[], options: { readonly abort: AbortSignal; readonly print?: (line: string) => void }): Promise<string[]>
