/** A process as it was noted when it started. */
export interface NotedProcess {
  readonly pid?: number | undefined
  readonly startedAt?: string | undefined
}
/** The fields of /proc/<pid>/stat behind the command's name. */
export function statFields(line: string): string[]
/** When a process started, as text that no other with its pid has. */
export function startTimeOf(pid: number): string | undefined
/** Whether exactly the noted process runs. */
export function isRunning(noted: NotedProcess): boolean
