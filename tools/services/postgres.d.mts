/** A recipe that runs a program of PostgreSQL as somebody who is not root. */
export function unprivileged(recipe: { readonly command: string, readonly args: readonly string[] }, setpriv: string | undefined): {
  readonly command: string
  readonly args: readonly string[]
}
