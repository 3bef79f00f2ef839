/** Listens on a port and passes every request to one of the targets in turn. */
export function startEdge(options: {
  readonly port: number
  readonly host?: string
  readonly targets: (path: string) => readonly { readonly host: string, readonly port: number }[]
}): Promise<{ readonly port: number, close(): Promise<void> }>
