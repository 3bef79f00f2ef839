/** The configuration of one server. */
export function renderNatsConf(server: {
  readonly index: number
  readonly ports: readonly { readonly client: number, readonly monitor: number, readonly route: number }[]
  readonly dir: string
  readonly syncInterval: string
}): string
