/** The settings under which services find what runs. */
export function environmentOf(state: {
  readonly nodes: 1 | 3
  readonly processes: readonly { readonly kind: string, readonly address: string, readonly url?: string, readonly keys?: { readonly access: string, readonly secret: string } }[]
}): Record<string, string>
