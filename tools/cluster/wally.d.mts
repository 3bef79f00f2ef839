/** The file of chains of a development cluster. */
export function chainsFile(options: { readonly genesis: string, readonly beginsAt: number, readonly operatorToken: string }): object
/** Where the books of a chain begin, by the file of an earlier start. */
export function beginningIn(file: string, genesis: string): number | undefined
