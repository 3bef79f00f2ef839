/** One of our own processes. */
export class Supervised {
  constructor(recipe: {
    readonly name: string
    readonly kind: string
    readonly main: string
    readonly args?: readonly string[]
    readonly env: Readonly<Record<string, string>>
    readonly cwd: string
    readonly log: string
    readonly ports: Readonly<Record<string, number>>
    readonly onEnd: (how: string, willRestart: boolean) => void
  })
  readonly pid: number | undefined
  readonly isReady: boolean
  start(): void
  ready(timeoutMs: number): Promise<void>
  signal(name: NodeJS.Signals): boolean
  stop(): Promise<void>
  becomes(isTrue: () => boolean, timeoutMs: number): Promise<boolean>
}
