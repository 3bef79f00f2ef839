/** Runs one query; rows as text. */
export function askPostgres(url: string, query: string, timeoutMs: number): Promise<(string | undefined)[][]>
/** The client's side of one SCRAM-SHA-256 exchange. */
export function scramClient(password: string, options?: { readonly user?: string, readonly nonce?: string }): {
  first(): string
  final(serverFirst: string): string
  verify(serverFinal: string): void
}
